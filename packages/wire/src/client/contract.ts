/** What a connection asks of those who use it: the handler of a request, and the owner of the connection. */
import type { Dispatcher } from "undici";
import type { SharedBuffers } from "../io/shared-buffers.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import type { ClientConnection } from "./connection.ts";

/** What else a handler may be or be told, which undici's dispatchers know nothing of. */
export interface ClientHandler extends Dispatcher.DispatchHandler {
  /** It takes headers from `controller.rawHeaders`: the object in their place is empty. */
  readonly readsRawHeaders?: true;
  /** Before `onRequestStart`: the connection has served before, so that the upstream may be closing it just now. */
  onReused?(): void;
}

/** Each is called once for what it tells. Must not throw. */
export interface ConnectionOwner {
  /** It can take a request. Not said of a new one. */
  freed(connection: ClientConnection): void;
  /** It has ended, and its socket is closed. */
  gone(connection: ClientConnection): void;
  /** It ended before the request was written: not a byte of it has left. Without this the handler is told. */
  unsent?(request: Dispatcher.DispatchOptions, handler: ClientHandler, connection: ClientConnection): void;
}

/** How a connection is used. Only `origin` and the times have no default. */
export interface ClientConnectionOptions {
  /** `https://api.openai.com`: the Host of requests that name none. */
  readonly origin: string;
  /** Until the head of an answer. This and the next two are noticed a second late at most; 0: no limit. */
  readonly headersTimeoutMs: number;
  /** Between bytes of a body. */
  readonly bodyTimeoutMs: number;
  /** Without a request; less where the upstream says so. */
  readonly idleTimeoutMs: number;
  readonly headLimits?: HeadLimits;
  readonly buffers?: SharedBuffers;
  readonly owner?: ConnectionOwner;
}
