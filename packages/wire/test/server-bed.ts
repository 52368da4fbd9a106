/** A server on a free port whose buffers are poisoned, and clients on bare sockets. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import {
  ServerConnection,
  SharedBuffers,
  WireError,
  type FailureFacts,
  type ServerExchange,
  type ServerLimits,
  type ServerOwner,
  type WireErrorCode,
} from "@keybearer/wire";
import { expect, onTestFinished, vi } from "vitest";

export class Failure extends Error {
  readonly code: WireErrorCode;
  readonly facts: FailureFacts;
  constructor(code: WireErrorCode, facts: FailureFacts) {
    super(code, { cause: facts.cause });
    this.code = code;
    this.facts = facts;
  }
}

export type Exchange = ServerExchange<string, Failure>;
type Connection = ServerConnection<string, Failure>;

export interface ServerBed {
  readonly port: number;
  readonly connections: ReadonlySet<Connection>;
  /** Of those that were refused without an exchange. */
  readonly refused: readonly string[];
  readonly limited: readonly string[];
  /** Each sees the connections once. */
  check(nowMs: number): void;
  connect(): Promise<Client>;
}

export const limits: ServerLimits = {
  headBytes: 64 * 1024,
  headers: 100,
  headTimeoutMs: 1000,
  receiveTimeoutMs: 10_000,
  bodyTimeoutMs: 1000,
  sendTimeoutMs: 1000,
  idleTimeoutMs: 75_000,
  connectionDurationMs: Infinity,
};

export interface BedOptions {
  readonly limits?: Partial<ServerLimits>;
  readonly readsByEvents?: boolean;
}

export type Handle = (exchange: Exchange) => void | Promise<void>;

export async function startServer(handle: Handle, options: BedOptions = {}): Promise<ServerBed> {
  const connections = new Set<Connection>();
  const [refused, limited]: [string[], string[]] = [[], []];
  const owner: ServerOwner<string, Failure> = {
    buffers: new SharedBuffers({ poison: true }),
    limits: { ...limits, ...options.limits },
    ...(options.readsByEvents === undefined ? {} : { readsByEvents: options.readsByEvents }),
    handle: (exchange) => void handle(exchange),
    failure: (code, facts) => new Failure(code, facts),
    refusal: ({ code }) => ({ status: code === "WIRE_TIMEOUT" ? 408 : 400, headers: ["x-code", code], body: code }),
    refused: ({ code }) => void refused.push(code),
    limited: (limit) => void limited.push(limit),
    closed: (connection) => void connections.delete(connection),
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(new ServerConnection(socket, undefined, owner));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const connection of connections) connection.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    port,
    connections,
    refused,
    limited,
    check: (nowMs) => connections.forEach((connection) => connection.check(nowMs)),
    connect: () => Client.connect(port),
  };
}

/** Answers with the request's body, and its target in a header. */
export async function echo(exchange: Exchange): Promise<void> {
  try {
    const body = await exchange.readBody({ limitBytes: Infinity });
    exchange.sendHead(200, ["x-target", exchange.head.target, "content-length", String(body.length)]);
    exchange.write(body);
    exchange.end();
  } catch (error) {
    // The client left, or has been told.
    if (!(error instanceof Failure) && !WireError.is(error)) throw error;
  }
}

export class Client {
  readonly socket: Socket;
  readonly ended: Promise<"end" | "reset">;
  #text = "";
  #wake: (() => void) | undefined;
  #isOver = false;

  static async connect(port: number): Promise<Client> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    await once(socket, "connect");
    onTestFinished(() => void socket.destroy());
    return new Client(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<"end" | "reset">();
    this.ended = promise;
    const over = (how: "end" | "reset"): void => {
      this.#isOver = true;
      resolve(how);
      this.#wake?.();
    };
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#text += text;
      this.#wake?.();
    });
    socket.on("end", () => over("end"));
    socket.on("error", () => over("reset"));
    socket.on("close", () => over("reset"));
  }

  get unread(): string {
    return this.#text;
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** Each piece comes by itself, as far as that can be brought about. */
  async sendApart(pieces: readonly string[]): Promise<this> {
    for (const piece of pieces) {
      this.send(piece);
      await turn();
      await turn();
    }
    return this;
  }

  /** Everything up to the end of `text`. Throws when the connection ends before. */
  async take(text: string): Promise<string> {
    for (;;) {
      const at = this.#text.indexOf(text);
      if (at !== -1) return this.#shift(at + text.length);
      if (this.#isOver) throw new Error(`the connection ended: ${this.#text}`);
      await this.#more();
    }
  }

  /** The next answer, of a known length. */
  async answer(): Promise<{ readonly head: string; readonly body: string }> {
    const head = await this.take("\r\n\r\n");
    const length = Number(/\r\ncontent-length: (\d+)\r\n/.exec(head)?.[1] ?? 0);
    while (this.#text.length < length && !this.#isOver) await this.#more();
    return { head, body: this.#shift(length) };
  }

  /** All that comes until the connection ends. */
  async rest(): Promise<string> {
    await this.ended;
    return this.#shift(this.#text.length);
  }

  #shift(length: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export const get = (target: string, ...lines: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");

/** A POST with a body of that length, or in chunks. */
export function post(target: string, body: string, chunks?: readonly number[]): string {
  const head = (framing: string) => `POST ${target} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`;
  if (!chunks) return head(`Content-Length: ${body.length}`) + body;
  let [at, text] = [0, head("Transfer-Encoding: chunked")];
  for (const size of [...chunks, body.length]) {
    const piece = body.slice(at, at + size);
    at += piece.length;
    if (piece !== "") text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

/** Waits until the value is the same as a while before. */
export async function settled(value: () => number): Promise<number> {
  let before = -1;
  await vi.waitFor(
    () => {
      const last = before;
      before = value();
      expect(before).toBe(last);
    },
    { interval: 50, timeout: 10_000 },
  );
  return before;
}
