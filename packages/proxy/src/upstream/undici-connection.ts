/** One connection with undici's client upon it: it serves one request after the other, and ends once. */
import type { Socket } from "node:net";
import type { Client, Dispatcher } from "undici";
import type { Dial } from "./dial.ts";
import { loadUndici } from "./load-undici.ts";
import type { Attach, ClientLimits, ConnectionOwner, PooledConnection } from "./pooled-connection.ts";
import type { PoolHandler } from "./queue.ts";

export interface UndiciConnectionOptions {
  /** `https://api.openai.com:443`. */
  readonly url: string;
  readonly limits: ClientLimits;
  readonly dial: Dial;
  /** undici would take it from each request's Host, and the connection with it. */
  readonly servername: string;
}

export function undiciAttach(options: UndiciConnectionOptions): Attach {
  return (socket, owner) => new UndiciConnection(socket, owner, options);
}

class UndiciConnection implements PooledConnection {
  readonly #owner: ConnectionOwner;
  readonly #options: UndiciConnectionOptions;
  #socket: Socket;
  /** Made with the first request: undici's client does not take a socket before it has one. */
  #client: Client | undefined;
  #isBusy = false;
  #ended: Promise<void> | undefined;
  isRetired = false;

  constructor(socket: Socket, owner: ConnectionOwner, options: UndiciConnectionOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#socket = socket;
    socket.once("close", this.#unused).setTimeout(options.limits.idleTimeoutMs, this.#unused);
  }

  get isAlive(): boolean {
    return !this.#socket.destroyed;
  }

  get hasServed(): boolean {
    return this.#client !== undefined;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: PoolHandler): void {
    if (this.#client) handler.onReused?.();
    const client = (this.#client ??= this.#attach());
    const named = { ...request, servername: this.#options.servername };
    this.#isBusy = true;
    // True: undici took nothing on, and will not say that it is free.
    if (client.dispatch(named, handler)) queueMicrotask(() => client.stats.size === 0 && this.#drained());
  }

  /** Resolves when its socket is closed. What is under way on it fails. */
  end(reason: Error | null = null): Promise<void> {
    this.#ended ??= this.#close(reason).then(() => this.#owner.gone(this));
    return this.#ended;
  }

  #attach(): Client {
    this.#socket.off("close", this.#unused).setTimeout(0, this.#unused);
    const { url, limits } = this.#options;
    let ready: Socket | undefined = this.#socket;
    const client = new (loadUndici().Client)(url, {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headersTimeoutMs,
      bodyTimeout: limits.bodyTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      keepAliveMaxTimeout: limits.idleTimeoutMs,
      pipelining: 1,
      allowH2: false,
      connect: (_target, done) => {
        const socket = ready;
        ready = undefined;
        if (socket) queueMicrotask(() => done(null, socket));
        // The upstream closed it while a request was about to be written, which undici writes to the next one.
        else this.#dialAgain(done);
      },
    });
    const mayBeOver = (): void => {
      if (client.stats.pending === 0) void this.end();
    };
    return client
      .on("drain", () => this.#drained())
      .on("disconnect", mayBeOver)
      .on("connectionError", mayBeOver);
  }

  #dialAgain(done: (...result: [null, Socket] | [Error, null]) => void): void {
    this.#options.dial((error, socket) => {
      if (socket) {
        this.#socket = socket;
        done(null, socket);
      } else {
        done(error ?? new Error("no connection"), null);
      }
    });
  }

  #drained(): void {
    if (!this.#isBusy) return;
    this.#isBusy = false;
    if (this.isAlive) this.#owner.freed(this);
    else void this.end();
  }

  readonly #unused = (): void => void this.end();

  async #close(reason: Error | null): Promise<void> {
    if (this.#client) {
      await this.#client.destroy(reason);
      return;
    }
    const socket = this.#socket.destroy();
    if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  }
}
