/** One connection with undici's client upon it: it serves one request after the other, and ends once. */
import type { Socket } from "node:net";
import { Client, type Dispatcher } from "undici";
import type { Dial } from "./dial.ts";

export interface ConnectionOptions {
  /** `https://api.openai.com:443`. */
  readonly url: string;
  readonly client: Client.Options & { readonly keepAliveTimeout: number };
  readonly dial: Dial;
  /** undici would take it from each request's Host, and the connection with it. */
  readonly servername: string;
  /** It can take a request. */
  readonly freed: (connection: Connection) => void;
  /** It has ended, and its socket is closed. */
  readonly gone: (connection: Connection) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket;
  /** Made with the first request: undici's client does not take a socket before it has one. */
  #client: Client | undefined;
  #isBusy = false;
  #ended: Promise<void> | undefined;
  /** Serves no more once it is free. */
  isRetired = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#options = options;
    this.#socket = socket;
    socket.once("close", this.#unused).setTimeout(options.client.keepAliveTimeout, this.#unused);
  }

  get isAlive(): boolean {
    return !this.#socket.destroyed;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** Whether it has been given a request before: the upstream may close it at the moment of another. */
  get hasServed(): boolean {
    return this.#client !== undefined;
  }

  /** For one that is free. */
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const client = (this.#client ??= this.#attach());
    const named = { ...request, servername: this.#options.servername };
    this.#isBusy = true;
    // True: undici took nothing on, and will not say that it is free.
    if (client.dispatch(named, handler)) queueMicrotask(() => client.stats.size === 0 && this.#drained());
  }

  /** Resolves when its socket is closed. What is under way on it fails. */
  end(reason: Error | null = null): Promise<void> {
    this.#ended ??= this.#close(reason).then(() => this.#options.gone(this));
    return this.#ended;
  }

  #attach(): Client {
    this.#socket.off("close", this.#unused).setTimeout(0, this.#unused);
    const { url, client: options } = this.#options;
    let ready: Socket | undefined = this.#socket;
    const client = new Client(url, {
      ...options,
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
    if (this.isAlive) this.#options.freed(this);
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
