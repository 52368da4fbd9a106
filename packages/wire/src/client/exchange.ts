/** One request under way and its answer: what undici calls a controller, and what the connection knows of it. */
import type { Dispatcher } from "undici";
import type { ClientHandler } from "./contract.ts";

export type BodySource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

export interface ExchangeOwner {
  pause(exchange: Exchange): void;
  resume(exchange: Exchange): void;
  abort(exchange: Exchange, reason: Error | null): void;
}

export class Exchange implements Dispatcher.DispatchController {
  /** As sent: name, value, name, value. */
  rawHeaders: string[] = [];
  rawTrailers: string[] = [];
  paused = false;
  aborted = false;
  reason: Error | null = null;
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: ClientHandler;
  /** The head without its framing. */
  text = "";
  body: Uint8Array | BodySource | null = null;
  /** What the request said of its body; -1: nothing. */
  contentLength = -1;
  /** The connection is not used again. */
  closes = false;
  readonly #owner: ExchangeOwner;

  constructor(request: Dispatcher.DispatchOptions, handler: ClientHandler, owner: ExchangeOwner) {
    this.request = request;
    this.handler = handler;
    this.#owner = owner;
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.#owner.pause(this);
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#owner.resume(this);
  }

  abort(reason: Error | null): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#owner.abort(this, reason);
  }
}
