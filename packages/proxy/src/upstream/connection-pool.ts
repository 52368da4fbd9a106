/** The connections to one origin: the one that served last serves next, and what finds none waits in a bounded queue. */
import type { Socket } from "node:net";
import { withCallback, ClientError, DispatcherShape } from "@keybearer/wire";
import type { Dispatcher } from "undici";
import { ProxyError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { AddressWatch } from "./addresses.ts";
import type { Dial } from "./dial.ts";
import type { UpstreamLimits } from "./limits.ts";
import type { Attach, ConnectionOwner, PooledConnection } from "./pooled-connection.ts";
import { Queue, type PoolHandler, type Waiting } from "./queue.ts";

/** Called on the request path: must not throw, must not block. */
export interface UpstreamObserver {
  /** `upstream_queue_full`, `upstream_queue_wait` or `connect_timeout` was reached. */
  limited(limit: string): void;
  /** `endpoint` is `host:port`. */
  upstreamConnectionOpened(endpoint: string): void;
  upstreamConnectionClosed(endpoint: string): void;
  /** Its name leads nowhere any more; connections that are open serve on. Once, until it leads somewhere again. */
  upstreamUnresolved(endpoint: string, error: Error): void;
}

export interface ConnectionPoolOptions {
  readonly origin: Origin;
  readonly limits: UpstreamLimits;
  readonly dial: Dial;
  readonly attach: Attach;
  readonly observer: UpstreamObserver | undefined;
}

const RETRY_AFTER_MS = 1_000;

interface Opening {
  cancel: (() => void) | void;
}

export class ConnectionPool extends DispatcherShape implements ConnectionOwner {
  readonly #options: ConnectionPoolOptions;
  readonly #connections = new Set<PooledConnection>();
  /** The warmest is the last. */
  readonly #idle: PooledConnection[] = [];
  readonly #queue = new Queue();
  /** Connections that are being opened. They are for whoever has waited longest when they stand. */
  readonly #openings = new Set<Opening>();
  /** Whose new connection was lost before it was written. */
  readonly #lostNew = new WeakSet<PoolHandler>();
  #closed: PromiseWithResolvers<void> | undefined;
  /** Whoever dispatches was told to wait. */
  #needsDrain = false;
  /** Woken with each new connection. */
  addresses: AddressWatch | undefined;

  constructor(options: ConnectionPoolOptions) {
    super();
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: PoolHandler): boolean {
    const connection = this.#closed || handler.isWary === true ? undefined : this.#takeIdle();
    if (this.#closed) fail(handler, closedError());
    else if (connection) connection.dispatch(request, handler);
    else if (this.#mayDial || this.#queue.size - this.#openings.size < this.#options.limits.queueSize)
      this.#wait({ request, handler });
    else this.#refuse(handler, "upstream_queue_full");
    const hasRoom = this.#hasRoom;
    if (!hasRoom) this.#needsDrain = true;
    return hasRoom;
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
    return withCallback(given, this.#closed.promise);
  }

  /** Fails the requests that it has. Resolves when its sockets are closed. */
  override async destroy(...given: readonly unknown[]): Promise<void> {
    void this.close();
    const reason = given.find((each) => each instanceof Error) ?? closedError();
    this.#cancelOpenings();
    for (let each = this.#queue.shift(); each; each = this.#queue.shift()) fail(each.handler, reason);
    const ended = Promise.all([...this.#connections].map((connection) => connection.end(reason)));
    this.#mayBeClosed();
    return withCallback(
      given,
      ended.then(() => undefined),
    );
  }

  freed(connection: PooledConnection): void {
    const next = connection.isRetired ? undefined : this.#queue.shift();
    if (next) connection.dispatch(next.request, next.handler);
    else if (connection.isRetired || this.#closed) void connection.end();
    else {
      this.#idle.push(connection);
      if (this.#idle.length > this.#options.limits.maxIdleConnections) void this.#idle.shift()?.end();
      this.#drained();
    }
  }

  gone(connection: PooledConnection): void {
    this.#connections.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place !== -1) this.#idle.splice(place, 1);
    this.#options.observer?.upstreamConnectionClosed(this.#options.origin.endpoint);
    this.#dial();
    this.#drained();
    this.#mayBeClosed();
  }

  /** It has had its turn: none that came later goes before it, and no limit of the queue is its fault. */
  unsent(request: Dispatcher.DispatchOptions, handler: PoolHandler, { hasServed }: PooledConnection): void {
    if (!hasServed && this.#isUnlucky(handler)) {
      fail(handler, new ClientError("UND_ERR_SOCKET", "other side closed"));
      return;
    }
    const connection = this.#takeIdle();
    if (connection) {
      connection.dispatch(request, handler);
      return;
    }
    const waiting = { request, handler };
    this.#queue.addFirst(waiting);
    handler.onQueued?.(() => void this.#queue.remove(waiting));
    this.#dial();
  }

  /** Twice in a row a new connection was lost before the request could be written: then the upstream is to blame, not chance. */
  #isUnlucky(handler: PoolHandler): boolean {
    const isUnlucky = this.#lostNew.has(handler);
    this.#lostNew.add(handler);
    return isUnlucky;
  }

  get #hasRoom(): boolean {
    return this.#idle.length > 0 || this.#mayDial;
  }

  /** As undici's dispatchers tell that they have room again. */
  #drained(): void {
    if (!this.#needsDrain || !this.#hasRoom || this.#closed) return;
    this.#needsDrain = false;
    this.emit("drain", new URL(this.#options.origin.url), [this]);
  }

  get #mayDial(): boolean {
    return this.#connections.size + this.#openings.size < this.#options.limits.maxConnections;
  }

  #takeIdle(): PooledConnection | undefined {
    let connection = this.#idle.pop();
    while (connection && !connection.isAlive) connection = this.#idle.pop();
    return connection;
  }

  #wait(waiting: Waiting): void {
    const { queueTimeoutMs } = this.#options.limits;
    this.#queue.add(waiting);
    waiting.handler.onQueued?.(() => void this.#queue.remove(waiting));
    this.#dial();
    if (this.#queue.size > this.#openings.size)
      this.#queue.limit(waiting, queueTimeoutMs, () => this.#overdue(waiting));
  }

  #overdue(waiting: Waiting): void {
    // By now a connection is being opened for it, which has a limit of its own.
    if (this.#queue.isAmongFirst(this.#openings.size, waiting)) return;
    if (this.#queue.remove(waiting)) this.#refuse(waiting.handler, "upstream_queue_wait");
  }

  #refuse(handler: PoolHandler, limit: string): void {
    this.#options.observer?.limited(limit);
    const message = "Too many requests wait for a connection to the provider.";
    fail(handler, new ProxyError("upstream_busy", message, { retryAfterMs: RETRY_AFTER_MS, isUnsent: true }));
  }

  #dial(): void {
    while (this.#queue.size > this.#openings.size && this.#mayDial) {
      const opening: Opening = { cancel: undefined };
      this.#openings.add(opening);
      opening.cancel = this.#options.dial((error, socket) => {
        this.#openings.delete(opening);
        this.#dialled(error, socket);
      });
    }
  }

  #dialled(error: Error | null, socket: Socket | null): void {
    const { origin, observer, attach } = this.#options;
    if (socket) {
      const connection = attach(socket, this);
      this.#connections.add(connection);
      observer?.upstreamConnectionOpened(origin.endpoint);
      this.addresses?.wake();
      this.freed(connection);
      return;
    }
    if (error && isTimeout(error)) observer?.limited("connect_timeout");
    // As long as there is another for each that waits, none is worse off.
    const unlucky = this.#queue.size > this.#openings.size ? this.#queue.shift() : undefined;
    if (unlucky) fail(unlucky.handler, error ?? new ClientError("UND_ERR_SOCKET", "no connection"));
    this.#dial();
    this.#mayBeClosed();
  }

  /** Those that cannot be cancelled end when they stand. */
  #cancelOpenings(): void {
    for (const opening of this.#openings) {
      if (!opening.cancel) continue;
      this.#openings.delete(opening);
      opening.cancel();
    }
  }

  #mayBeClosed(): void {
    if (this.#connections.size + this.#openings.size + this.#queue.size === 0) this.#closed?.resolve();
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

function closedError(): ClientError {
  return new ClientError("UND_ERR_DESTROYED", "The client is destroyed");
}
