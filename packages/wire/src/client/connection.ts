/** One connection to an upstream: it serves one request after the other, and ends once. */
import type { Socket } from "node:net";
import type { Dispatcher } from "undici";
import { sharedBuffers } from "../io/shared-buffers.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import { afterPoll, type Polled } from "./after-poll.ts";
import type { ClientConnectionOptions, ClientHandler } from "./contract.ts";
import { withCallback, DispatcherShape } from "./dispatcher.ts";
import { asClientError, ClientError } from "./errors.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { receive } from "./reads.ts";
import { prepare } from "./request-text.ts";
import { Service } from "./service.ts";
import { Silence, unwatchSilence, watchSilence, type Watched } from "./silence.ts";

const HEAD_LIMITS: HeadLimits = { headBytes: 32 * 1024, headers: 1000 };
/** Sooner than the upstream says that it closes, for what is under way by then. */
const KEEP_ALIVE_MARGIN_MS = 2_000;
const NO_TRAILERS = Object.freeze({});

const FREE = 0;
/** Without a request; its socket has yet to be looked at. */
const RESTING = 1;
/** With a request; its socket has yet to be looked at. */
const WAITING = 2;
const BUSY = 3;
const ENDED = 4;

/** An undici Dispatcher by shape, for one request at a time. */
export class ClientConnection extends DispatcherShape implements ExchangeOwner, Polled, Watched {
  /** For its owner. */
  isRetired = false;
  /** Whether it has been given a request before: the upstream may close it at the moment of another. */
  hasServed = false;
  closed = false;
  readonly #socket: Socket;
  readonly #options: ClientConnectionOptions;
  readonly #authority: string;
  readonly #service: Service;
  readonly #idleness = new Silence();
  #phase = RESTING;
  #isListed = false;
  #isKnownFree = true;
  #exchange: Exchange | undefined;
  /** Infinity: the upstream has not said. */
  #expiresAt = Infinity;
  #isGone = false;
  #tell: (() => void) | undefined;
  #gone: PromiseWithResolvers<void> | undefined;

  constructor(socket: Socket, options: ClientConnectionOptions) {
    super();
    const { buffers = sharedBuffers, headLimits = HEAD_LIMITS, headersTimeoutMs, bodyTimeoutMs } = options;
    this.#socket = socket;
    this.#options = options;
    this.#authority = new URL(options.origin).host;
    this.#service = new Service({
      socket,
      buffers,
      headLimits,
      headersTimeoutMs,
      bodyTimeoutMs,
      completed: (exchange, isClean, keepAliveMs) => this.#completed(exchange, isClean, keepAliveMs),
      failed: (error) => this.#fail(asClientError(error)),
    });
    this.#listen();
  }

  get destroyed(): boolean {
    return this.#phase === ENDED;
  }

  get isAlive(): boolean {
    if (this.#phase === ENDED || this.#socket.destroyed) return false;
    return this.#expiresAt === Infinity || performance.now() < this.#expiresAt;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: ClientHandler): boolean {
    const exchange = new Exchange(request, handler, this);
    if (this.#exchange) {
      handler.onResponseError?.(exchange, new ClientError("UND_ERR_SOCKET", "the connection serves another request"));
      return false;
    }
    this.#isKnownFree = false;
    try {
      if (this.closed || !this.isAlive) throw destroyed();
      prepare(exchange, this.#authority);
      this.#exchange = exchange;
    } catch (error) {
      handler.onResponseError?.(exchange, asClientError(error));
    }
    if (this.#phase === FREE) {
      this.#socket.ref();
      this.#waitForPoll(this.#exchange ? WAITING : RESTING);
    }
    return false;
  }

  /** Takes no more requests; resolves when the one that it has has ended. */
  override close(...given: readonly unknown[]): Promise<void> {
    this.closed = true;
    this.#gone ??= Promise.withResolvers();
    if (!this.#exchange) void this.end();
    return withCallback(given, this.#gone.promise);
  }

  override destroy(...given: readonly unknown[]): Promise<void> {
    return withCallback(given, this.end(given.find((each) => each instanceof Error)));
  }

  /** Resolves when its socket is closed. What is under way on it fails. */
  end(reason: Error | null = null): Promise<void> {
    this.#gone ??= Promise.withResolvers();
    this.#fail(reason ?? destroyed());
    if (this.#isGone) this.#gone.resolve();
    return this.#gone.promise;
  }

  polled(): void {
    this.#isListed = false;
    if (this.#phase !== RESTING && this.#phase !== WAITING) return;
    const exchange = this.#exchange;
    // Its answer was there before the request had left.
    if (this.#socket.writableLength > 0) this.#lose(new ClientError("UND_ERR_SOCKET", "bad response"));
    else if (!exchange) this.#free();
    else if (this.#phase === WAITING) this.#start(exchange);
    // It was given between the two, and nobody has looked since.
    else this.#waitForPoll(WAITING);
  }

  look(now: number): void {
    if (this.#phase === FREE) {
      if (now >= this.#expiresAt || this.#idleness.lasts(this.#options.idleTimeoutMs, now)) void this.end();
      return;
    }
    const error = this.#service.overdue(now);
    if (error) this.#fail(error);
  }

  /** Before it has begun there is nothing of it to stop, and what else comes on the socket must be seen. */
  pause(exchange: Exchange): void {
    if (exchange === this.#exchange && this.#phase === BUSY) this.#service.pause();
  }

  resume(exchange: Exchange): void {
    if (exchange === this.#exchange && this.#phase === BUSY) this.#service.resume();
  }

  abort(exchange: Exchange, reason: Error | null): void {
    if (exchange !== this.#exchange) return;
    const error = reason ?? new ClientError("UND_ERR_ABORTED", "Request aborted");
    this.#exchange = undefined;
    if (this.#phase === BUSY) void this.end();
    else this.#waitForPoll(RESTING);
    exchange.handler.onResponseError?.(exchange, error);
  }

  #listen(): void {
    const isUntouched = receive(this.#socket, (bytes, length) => {
      if (this.#phase === BUSY) this.#service.received(bytes, length);
      else this.#lose(new ClientError("UND_ERR_SOCKET", "bad response"));
    });
    this.#socket
      .on("end", () => this.#inputEnded())
      .on("error", (error) => this.#lose(error))
      .on("close", () => this.#closed())
      .on("drain", () => this.#service.drained());
    watchSilence(this);
    this.#waitForPoll(RESTING);
    if (!isUntouched) this.#lose(new ClientError("UND_ERR_SOCKET", "bad response"));
    if (this.#socket.closed) queueMicrotask(() => this.#closed());
  }

  #waitForPoll(phase: typeof RESTING | typeof WAITING): void {
    this.#phase = phase;
    if (!this.#isListed) afterPoll(this);
    this.#isListed = true;
  }

  #free(): void {
    if (this.closed || !this.isAlive) {
      void this.end();
      return;
    }
    this.#phase = FREE;
    this.#idleness.broken();
    this.#socket.unref();
    if (this.#isKnownFree) return;
    this.#isKnownFree = true;
    this.#options.owner?.freed(this);
    if (this.#exchange || this.listenerCount("drain") === 0) return;
    this.emit("drain", new URL(this.#options.origin), [this]);
  }

  #start(exchange: Exchange): void {
    const { handler } = exchange;
    try {
      if (this.hasServed) handler.onReused?.();
      handler.onRequestStart?.(exchange, null);
      if (exchange !== this.#exchange) return;
      this.#phase = BUSY;
      this.hasServed = true;
      this.#service.begin(exchange);
    } catch (error) {
      this.#fail(asClientError(error));
    }
  }

  #completed(exchange: Exchange, isClean: boolean, keepAliveMs: number | undefined): void {
    this.#exchange = undefined;
    if (isClean && this.#mayServeAgain(keepAliveMs)) this.#waitForPoll(RESTING);
    else void this.end();
    try {
      exchange.handler.onResponseEnd?.(exchange, NO_TRAILERS);
    } catch (error) {
      void this.end();
      exchange.handler.onResponseError?.(exchange, asClientError(error));
    }
  }

  #mayServeAgain(keepAliveMs: number | undefined): boolean {
    if (this.closed || this.#socket.destroyed) return false;
    this.#expiresAt = keepAliveMs === undefined ? Infinity : performance.now() + keepAliveMs - KEEP_ALIVE_MARGIN_MS;
    return keepAliveMs === undefined || keepAliveMs > KEEP_ALIVE_MARGIN_MS;
  }

  #inputEnded(): void {
    if (this.#phase === BUSY) this.#service.ended();
    else this.#lose(new ClientError("UND_ERR_SOCKET", "other side closed"));
  }

  #closed(): void {
    unwatchSilence(this);
    if (!this.#service.outlivesSocket) this.#lose(new ClientError("UND_ERR_SOCKET", "closed"));
    try {
      this.#tell?.();
    } finally {
      this.#options.owner?.gone(this);
      this.#gone?.resolve();
      this.#isGone = true;
    }
  }

  /** By no will of ours: a request that was not written may go elsewhere. */
  #lose(error: Error): void {
    const exchange = this.#exchange;
    const { owner } = this.#options;
    if (!exchange || this.#phase === BUSY || !owner?.unsent) {
      this.#fail(error);
      return;
    }
    this.#exchange = undefined;
    this.#fail(error);
    owner.unsent(exchange.request, exchange.handler, this);
  }

  /** The handler is told when the socket has closed, so that what came before is on its way by then. */
  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#phase = ENDED;
    this.#service.stop();
    this.#socket.destroy();
    if (!exchange) return;
    const tell = (): void => exchange.handler.onResponseError?.(exchange, error);
    // The owner is told first: else the request that failed would still hold its place in the pool.
    if (this.#isGone) setImmediate(tell);
    else this.#tell = tell;
  }
}

function destroyed(): ClientError {
  return new ClientError("UND_ERR_DESTROYED", "The client is destroyed");
}
