/** What a pool asks of a connection, whichever client is upon it. */
import type { Socket } from "node:net";
import type { Dispatcher } from "undici";
import type { PoolHandler } from "./queue.ts";

export interface PooledConnection {
  /** Serves no more once it is free. */
  isRetired: boolean;
  readonly isAlive: boolean;
  /** It has been given a request before. */
  readonly hasServed: boolean;
  readonly remoteAddress: string | undefined;
  /** For one that is free, as a new one is. Tells the handler if it has served before. */
  dispatch(request: Dispatcher.DispatchOptions, handler: PoolHandler): void;
  /** Resolves when its socket is closed. What is under way on it fails. */
  end(reason?: Error | null): Promise<void>;
}

export interface ConnectionOwner {
  /** It can take a request again. */
  freed(connection: PooledConnection): void;
  /** It has ended, and its socket is closed. */
  gone(connection: PooledConnection): void;
  /** It has ended before a byte of the request was written. */
  unsent(request: Dispatcher.DispatchOptions, handler: PoolHandler, connection: PooledConnection): void;
}

/** What a client bears of an upstream. */
export interface ClientLimits {
  /** Of an answer: its status line and headers. */
  readonly headBytes: number;
  /** Until the head of an answer. */
  readonly headersTimeoutMs: number;
  /** Between the bytes of a body. */
  readonly bodyTimeoutMs: number;
  /** Without a request. */
  readonly idleTimeoutMs: number;
}

/** Puts a client upon a socket that is open. */
export type Attach = (socket: Socket, owner: ConnectionOwner) => PooledConnection;
