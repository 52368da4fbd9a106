/** The near seam: one request and the way to answer it, whatever engine holds the socket. */

import type { ProxyError } from "./errors.ts";
import type { ConnectionTls } from "./downstream/listener-tls.ts";

/** As it was sent; nothing is decoded or normalised. */
export interface RequestHead {
  readonly method: string;
  /** `/v1/models?limit=2`, or an absolute form. */
  readonly target: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** `1.1`. */
  readonly httpVersion: string;
}

/** How long something may take, and what it is called when it takes longer. */
export interface Timeout {
  readonly ms: number;
  readonly error: ProxyError;
}

/** For a body that is read whole. */
export interface ReadOptions {
  readonly limitBytes: number;
  /** For it to arrive. */
  readonly timeout: Timeout | undefined;
  /** Memory for it: asked before it is taken. */
  readonly reserve: { take(bytes: number): boolean; readonly error: ProxyError };
}

export interface Exchange {
  readonly head: RequestHead;
  /** `address:port`. */
  readonly clientAddress: string;
  /** Undefined: the connection is in clear text. */
  readonly tls?: ConnectionTls | undefined;
  readonly hasBody: boolean;
  /**
   * The whole body, at once where it has come with the head. Throws, or rejects with, ProxyError `request_too_large` as
   * soon as it is known to be longer than `limitBytes`, `client_closed` when the client leaves meanwhile, the timeout's
   * error when the client takes longer, and that of the reserve when there is no more.
   */
  readBody(options: ReadOptions): Uint8Array | Promise<Uint8Array>;
  /**
   * The body as it comes, for one reader, who sets the pace. Instead of `readBody`, not beside it. Throws ProxyError
   * `request_too_large` when it turns out to be longer than `limitBytes`.
   */
  body(limitBytes: number): AsyncIterable<Uint8Array>;
  /**
   * Calls back, at once if it has happened: nobody waits for the answer any more. `client_closed` if the client left, or does
   * not read; else it has been told why: `request_too_slow`, `invalid_request`. With `gateway_stopping` the answer has to end
   * now, and its client has yet to be told.
   */
  onClientGone(listener: (reason: ProxyError) => void): void;

  readonly headSent: boolean;
  /**
   * Lower-case name, value, name, value; `connection: close` ends the connection with this answer. The engine adds Date and its own framing, and may keep the head back until the first bytes
   * of the body, unless it is wanted `now`.
   */
  sendHead(status: number, headers: readonly string[], now?: boolean): void;
  /** False: wait for `onDrain` before the next write. */
  write(chunk: Uint8Array): boolean;
  /** Replaces an earlier listener. */
  onDrain(listener: () => void): void;
  end(): void;
  /** Breaks the connection, after some last words, so that the client cannot take what it has for the whole answer. */
  cut(lastWords?: Uint8Array): void;
  /** Bytes of the request's and the answer's body so far. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
