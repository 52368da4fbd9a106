/** A connection of the client's whose buffers are poisoned, before an upstream on a bare socket that does what the test says. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import {
  ClientConnection,
  createClientDial,
  SharedBuffers,
  type ClientConnectionOptions,
  type ClientDialOptions,
  type ClientHandler,
} from "@keybearer/wire";
import type { Dispatcher } from "undici";
import { onTestFinished } from "vitest";

const buffers = new SharedBuffers({ poison: true });

/** What the upstream's side of a connection has got so far. */
export interface UpstreamSide {
  readonly socket: Socket;
  readonly text: () => string;
}

/** `met` is called with each piece that comes, `accepted` with each connection. Closes itself when the test ends. */
export async function startUpstream(met: (side: UpstreamSide) => void, accepted: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    let text = "";
    sockets.push(socket);
    accepted(socket);
    socket
      .setEncoding("latin1")
      .on("data", (more) => {
        text += more;
        met({ socket, text: () => text });
      })
      .on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { port: address.port, sockets };
}

/** Answers each request without a body, `\r\n\r\n` at its end, as `answer` says. */
export function answering(answer: (path: string, socket: Socket) => void): (side: UpstreamSide) => void {
  const seen = new WeakMap<Socket, number>();
  return ({ socket, text }) => {
    const requests = text().split("\r\n\r\n").slice(0, -1);
    for (const request of requests.slice(seen.get(socket) ?? 0)) answer(request.split(" ")[1] ?? "", socket);
    seen.set(socket, requests.length);
  };
}

export const noLimits = { headersTimeoutMs: 0, bodyTimeoutMs: 0, idleTimeoutMs: 0 };

function openSocket(port: number, options: Partial<ClientDialOptions> = {}): Promise<Socket> {
  const dial = createClientDial({ host: "127.0.0.1", port, connectTimeoutMs: 5_000, buffers, ...options });
  return new Promise((resolve, reject) => void dial((error, socket) => (socket ? resolve(socket) : reject(error))));
}

export async function open(
  port: number,
  options: Partial<ClientConnectionOptions> = {},
  dial: Partial<ClientDialOptions> = {},
): Promise<ClientConnection> {
  const socket = await openSocket(port, dial);
  const origin = `${dial.tls ? "https" : "http"}://127.0.0.1:${port}`;
  const connection = new ClientConnection(socket, { origin, buffers, ...noLimits, ...options });
  onTestFinished(() => connection.destroy());
  return connection;
}

export interface Answer {
  readonly status: number;
  readonly reason: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly informational: readonly number[];
  readonly body: string;
}

export interface Asked {
  /** Rejects with what the handler was told. */
  readonly answer: Promise<Answer>;
  readonly controller: () => Dispatcher.DispatchController | undefined;
  /** As the handler has seen it. */
  readonly events: readonly string[];
}

export type Ask = Partial<Dispatcher.DispatchOptions> & { readonly handler?: Partial<ClientHandler> };

/** What has come is kept as it was given, and put together at the end: whoever changes it meanwhile is found out. */
export function ask(dispatcher: Pick<Dispatcher, "dispatch">, { handler = {}, ...request }: Ask = {}): Asked {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  answer.catch(() => undefined);
  const events: string[] = [];
  const informational: number[] = [];
  const chunks: Buffer[] = [];
  let head = { status: 0, reason: undefined as string | undefined, headers: {} };
  let controller: Dispatcher.DispatchController | undefined;
  dispatcher.dispatch({ path: "/", method: "GET", ...request }, {
    ...handler,
    onRequestStart(given, context) {
      controller = given;
      events.push("request");
      handler.onRequestStart?.(given, context);
    },
    onResponseStart(given, status, headers, reason) {
      events.push(String(status));
      if (status < 200) informational.push(status);
      else head = { status, reason, headers };
      handler.onResponseStart?.(given, status, headers, reason);
    },
    onResponseData(given, chunk) {
      events.push("data");
      chunks.push(chunk);
      handler.onResponseData?.(given, chunk);
    },
    onResponseEnd(given, trailers) {
      events.push("end");
      handler.onResponseEnd?.(given, trailers);
      resolve({ ...head, informational, body: Buffer.concat(chunks).toString("latin1") });
    },
    onResponseError(given, error) {
      events.push("error");
      handler.onResponseError?.(given, error);
      reject(error);
    },
  } satisfies ClientHandler);
  return { answer, controller: () => controller, events };
}

/** Writes the pieces one after the other, each read before the next comes. */
export async function writeApart(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece, "latin1");
    await turns();
  }
}

export async function turns(count = 3): Promise<void> {
  for (let done = 0; done < count; done++) await turn();
}

export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : error;
}
