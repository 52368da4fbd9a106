/** The connections to one origin: the one that served last serves next, and what finds none waits in a bounded queue. */
import type { Socket } from "node:net";
import { Dispatcher, errors } from "undici";
import { ProxyError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { AddressWatch } from "./addresses.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { Dial } from "./dial.ts";
import type { UpstreamLimits } from "./limits.ts";
import { Queue, type PoolHandler, type Waiting } from "./queue.ts";

/** Called on the request path: must not throw, must not block. */
export interface UpstreamObserver {
  /** `upstream_queue_full`, `upstream_queue_wait` or `connect_timeout` has bitten. */
  limited(limit: string): void;
  /** `endpoint` is `host:port`. */
  upstreamConnectionOpened(endpoint: string): void;
  upstreamConnectionClosed(endpoint: string): void;
}

export interface ConnectionPoolOptions {
  readonly origin: Origin;
  readonly limits: UpstreamLimits;
  readonly dial: Dial;
  /** Until the head of an answer, and between its bytes. */
  readonly timeouts: { readonly headersTimeout: number; readonly bodyTimeout: number };
  readonly observer: UpstreamObserver | undefined;
}

const RETRY_AFTER_MS = 1_000;

export class ConnectionPool extends Dispatcher {
  readonly #options: ConnectionPoolOptions;
  readonly #connectionOptions: ConnectionOptions;
  readonly #connections = new Set<Connection>();
  /** The warmest is the last. */
  readonly #idle: Connection[] = [];
  readonly #queue = new Queue();
  /** Connections that are being opened. They are for whoever has waited longest when they stand. */
  #dialling = 0;
  #closed: PromiseWithResolvers<void> | undefined;
  /** Woken with each new connection. */
  addresses: AddressWatch | undefined;

  constructor(options: ConnectionPoolOptions) {
    super();
    this.#options = options;
    const { origin, limits, dial, timeouts } = options;
    this.#connectionOptions = {
      url: origin.url,
      client: {
        ...timeouts,
        pipelining: 1,
        allowH2: false,
        keepAliveTimeout: limits.idleTimeoutMs,
        keepAliveMaxTimeout: limits.idleTimeoutMs,
      },
      dial,
      servername: origin.hostname,
      freed: (connection) => this.#freed(connection),
      gone: (connection) => this.#gone(connection),
    };
  }

  get size(): number {
    return this.#connections.size;
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: PoolHandler): boolean {
    const connection = this.#closed ? undefined : this.#takeIdle();
    if (this.#closed) fail(handler, new errors.ClientDestroyedError());
    else if (connection) this.#send(connection, request, handler);
    else if (this.#mayDial || this.#queue.size - this.#dialling < this.#options.limits.queueSize)
      this.#wait({ request, handler });
    else this.#refuse(handler, "upstream_queue_full");
    return this.#idle.length > 0 || this.#mayDial;
  }

  /** Connections to other addresses serve no more, once they have ended what they are at. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const connection of this.#connections) {
      const { remoteAddress } = connection;
      if (remoteAddress !== undefined && !addresses.has(remoteAddress)) connection.isRetired = true;
    }
    for (const connection of this.#idle) if (connection.isRetired) void connection.end();
  }

  /** Takes no more requests; resolves when those it has have ended. */
  override close(...given: readonly unknown[]): Promise<void> {
    this.#closed ??= Promise.withResolvers();
    this.addresses?.close();
    for (const connection of this.#idle) void connection.end();
    this.#mayBeClosed();
    return called(given, this.#closed.promise);
  }

  /** Fails the requests that it has. Resolves when its sockets are closed. */
  override async destroy(...given: readonly unknown[]): Promise<void> {
    void this.close();
    const reason = given.find((each) => each instanceof Error) ?? new errors.ClientDestroyedError();
    for (let each = this.#queue.shift(); each; each = this.#queue.shift()) fail(each.handler, reason);
    const ended = Promise.all([...this.#connections].map((connection) => connection.end(reason)));
    return called(
      given,
      ended.then(() => undefined),
    );
  }

  get #mayDial(): boolean {
    return this.#connections.size + this.#dialling < this.#options.limits.maxConnections;
  }

  #takeIdle(): Connection | undefined {
    let connection = this.#idle.pop();
    while (connection && !connection.isAlive) connection = this.#idle.pop();
    return connection;
  }

  #send(connection: Connection, request: Dispatcher.DispatchOptions, handler: PoolHandler): void {
    if (connection.hasServed) handler.onReused?.();
    connection.dispatch(request, handler);
  }

  #wait(waiting: Waiting): void {
    const { queueTimeoutMs } = this.#options.limits;
    this.#queue.add(waiting);
    waiting.handler.onQueued?.(() => void this.#queue.remove(waiting));
    this.#dial();
    if (this.#queue.size > this.#dialling) this.#queue.limit(waiting, queueTimeoutMs, () => this.#overdue(waiting));
  }

  #overdue(waiting: Waiting): void {
    // By now a connection is being opened for it, which has a limit of its own.
    if (this.#queue.isAmongFirst(this.#dialling, waiting)) return;
    if (this.#queue.remove(waiting)) this.#refuse(waiting.handler, "upstream_queue_wait");
  }

  #refuse(handler: PoolHandler, limit: string): void {
    this.#options.observer?.limited(limit);
    const message = "Too many requests wait for a connection to the provider.";
    fail(handler, new ProxyError("upstream_busy", message, { retryAfterMs: RETRY_AFTER_MS, isUnsent: true }));
  }

  #dial(): void {
    while (this.#queue.size > this.#dialling && this.#mayDial) {
      this.#dialling += 1;
      this.#options.dial((error, socket) => this.#dialled(error, socket));
    }
  }

  #dialled(error: Error | null, socket: Socket | null): void {
    const { origin, observer } = this.#options;
    this.#dialling -= 1;
    if (socket) {
      const connection = new Connection(socket, this.#connectionOptions);
      this.#connections.add(connection);
      observer?.upstreamConnectionOpened(origin.endpoint);
      this.addresses?.wake();
      this.#freed(connection);
      return;
    }
    if (error && isTimeout(error)) observer?.limited("connect_timeout");
    // As long as there is another for each that waits, none is worse off.
    const unlucky = this.#queue.size > this.#dialling ? this.#queue.shift() : undefined;
    if (unlucky) fail(unlucky.handler, error ?? new errors.SocketError("no connection"));
    this.#dial();
    this.#mayBeClosed();
  }

  #freed(connection: Connection): void {
    const next = connection.isRetired ? undefined : this.#queue.shift();
    if (next) this.#send(connection, next.request, next.handler);
    else if (connection.isRetired || this.#closed) void connection.end();
    else {
      this.#idle.push(connection);
      if (this.#idle.length > this.#options.limits.maxIdleConnections) void this.#idle.shift()?.end();
    }
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place !== -1) this.#idle.splice(place, 1);
    this.#options.observer?.upstreamConnectionClosed(this.#options.origin.endpoint);
    this.#dial();
    this.#mayBeClosed();
  }

  #mayBeClosed(): void {
    if (this.#connections.size + this.#dialling + this.#queue.size === 0) this.#closed?.resolve();
  }
}

/** The handler knows the request as one that never began. */
const neverBegun: Dispatcher.DispatchController = {
  aborted: true,
  paused: false,
  reason: null,
  abort() {},
  pause() {},
  resume() {},
};

function fail(handler: PoolHandler, error: Error): void {
  handler.onResponseError?.(neverBegun, error);
}

function isTimeout(error: Error & { code?: string }): boolean {
  return error.code === "UND_ERR_CONNECT_TIMEOUT" || error.code === "ETIMEDOUT";
}

/** undici's dispatchers also take a callback. */
async function called(given: readonly unknown[], ended: Promise<void>): Promise<void> {
  await ended;
  const callback = given.find((each) => typeof each === "function");
  callback?.();
}
