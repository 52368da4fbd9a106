/** An upstream whose requests wait to be answered by the test, and a client that asks a connection pool directly. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  connectionPools,
  originOf,
  type ConnectionPoolsOptions,
  type UpstreamDispatcher,
  type UpstreamLimits,
  type UpstreamObserver,
  type UpstreamTls,
} from "@keybearer/proxy";
import type { Dispatcher } from "undici";
import { onTestFinished } from "vitest";
import { host } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";

export interface Held {
  readonly path: string;
  /** The same for requests that came on the same connection. */
  readonly connection: number;
  answer(headers?: Readonly<Record<string, string>>): void;
  /** Closes the connection without an answer. */
  drop(): void;
}

export interface HeldUpstream {
  readonly port: number;
  /** In the order in which they came. */
  readonly paths: readonly string[];
  readonly open: () => number;
  /** Connections at once. */
  readonly most: () => number;
  /** Each once, in the order in which they come. */
  next(): Promise<Held>;
  /** Closes the connections that are open. */
  hangUp(): void;
}

/** Closes itself when the test ends. */
export async function startHeld({
  address = "127.0.0.1",
  port = 0,
  answerAll = false,
}: { readonly address?: string; readonly port?: number; readonly answerAll?: boolean } = {}): Promise<HeldUpstream> {
  const sockets = new Map<Socket, number>();
  const paths: string[] = [];
  const held: Held[] = [];
  const waits: ((one: Held) => void)[] = [];
  let connections = 0;
  let most = 0;
  const server = createServer((request, response) => {
    const one = hold(request, response, sockets.get(request.socket) ?? -1);
    paths.push(one.path);
    if (answerAll) one.answer();
    else (waits.shift() ?? ((each) => void held.push(each)))(one);
  });
  server.keepAliveTimeout = 0;
  server.on("connection", (socket: Socket) => {
    sockets.set(socket, connections++);
    most = Math.max(most, sockets.size);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(port, address);
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  const bound = server.address();
  if (typeof bound !== "object" || bound === null) throw new Error("no port");
  return {
    port: bound.port,
    paths,
    open: () => sockets.size,
    most: () => most,
    next() {
      const one = held.shift();
      return one ? Promise.resolve(one) : new Promise((resolve) => void waits.push(resolve));
    },
    hangUp: () => server.closeAllConnections(),
  };
}

function hold(request: IncomingMessage, response: ServerResponse, connection: number): Held {
  const path = request.url ?? "";
  request.resume();
  return {
    path,
    connection,
    answer: (headers = {}) => void response.writeHead(200, headers).end(path),
    drop: () => request.socket.destroy(),
  };
}

export interface Asked {
  /** The body; rejects with what the handler was told. */
  readonly answer: Promise<string>;
  /** As a client does that leaves. */
  leave(): void;
  readonly isReused: () => boolean;
}

/** A pool and what it told its observer. Destroyed when the test ends. */
export function startPool(
  address: string,
  limits: Partial<UpstreamLimits> = {},
  { tls, ...options }: Omit<ConnectionPoolsOptions, "limits" | "observer"> & { readonly tls?: UpstreamTls } = {},
) {
  const told: string[] = [];
  const unresolved: string[] = [];
  const closings: (() => void)[] = [];
  let open = 0;
  let opened = 0;
  const observer: UpstreamObserver = {
    limited: (limit) => void told.push(limit),
    upstreamConnectionOpened() {
      open++;
      opened++;
    },
    upstreamConnectionClosed() {
      open--;
      for (const closed of closings.splice(0)) closed();
    },
    upstreamUnresolved: (endpoint, { message }) => void unresolved.push(`${endpoint}: ${message}`),
  };
  const origin = originOf(host({ host: address, ...(tls ? { tls } : {}) }), undefined);
  const pool = connectionPools({ engine: engineUnderTest, limits, observer, ...options })(origin, tls);
  onTestFinished(() => pool.destroy());
  return {
    pool,
    limits: told,
    unresolved,
    open: () => open,
    opened: () => opened,
    /** Resolves when the next connection has closed. */
    closing: () => new Promise<void>((resolve) => void closings.push(resolve)),
    ask: (path = "/", body?: string, host = "it") => ask(pool, path, { body, host }),
  };
}

function ask(
  pool: UpstreamDispatcher,
  path: string,
  { body, host: named }: { readonly body: string | undefined; readonly host: string },
): Asked {
  const { promise: answer, resolve, reject } = Promise.withResolvers<string>();
  let controller: Dispatcher.DispatchController | undefined;
  let leaveQueue: (() => void) | undefined;
  let reused = false;
  let left = false;
  let text = "";
  const gone = new Error("left");
  answer.catch(() => undefined);
  pool.dispatch({ path, method: body === undefined ? "GET" : "POST", headers: ["host", named], body: body ?? null }, {
    onQueued: (leave: () => void) => void (leaveQueue = leave),
    onReused: () => void (reused = true),
    onRequestStart(given: Dispatcher.DispatchController) {
      controller = given;
      if (left) given.abort(gone);
    },
    onResponseStart: () => undefined,
    onResponseData: (_controller: Dispatcher.DispatchController, chunk: Buffer) => void (text += String(chunk)),
    onResponseEnd: () => resolve(text),
    onResponseError: (_controller: Dispatcher.DispatchController, error: Error) => reject(error),
  } as Dispatcher.DispatchHandler);
  return {
    answer,
    isReused: () => reused,
    leave() {
      left = true;
      leaveQueue?.();
      controller?.abort(gone);
      reject(gone);
    },
  };
}

/** A connection is free a turn of the event loop after its answer has ended. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
