/** The provider of the benchmark, a process of its own: canned answers on bare sockets, so that it is cheap. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { AnswerMode, Arrival, UpstreamCommand, UpstreamReply } from "./contract.ts";
import { chatAnswer, chatEvents } from "./payloads.ts";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");
const ASKS_FOR_USAGE = Buffer.from('"include_usage"');

const json = answerOf("application/json", [chatAnswer()], false);
const events = {
  withUsage: answerOf("text/event-stream", chatEvents(true), true),
  without: answerOf("text/event-stream", chatEvents(false), true),
};

let mode: AnswerMode = { kind: "json" };
let keepsNext = false;
let arrival: Arrival = { authorization: undefined, body: new Uint8Array() };

const server = createServer({ noDelay: true }, serve);
const [certificateFile] = process.argv.slice(2);

function serve(socket: Socket): void {
  const request = new RequestReader();
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    if (!request.push(bytes)) return;
    if (keepsNext) {
      arrival = request.arrival();
      keepsNext = false;
    }
    answer(socket, request);
    request.reset();
  });
}

process.on("message", (command: UpstreamCommand) => {
  if (command.kind === "answer") ({ mode } = command);
  if (command.kind === "keep") keepsNext = true;
  tell(command.kind === "kept" ? { arrival } : { done: true });
});
process.on("disconnect", () => process.exit());
await once(server.listen(0, "127.0.0.1"), "listening");
if (certificateFile === undefined) {
  tell({ port: portOf(server) });
} else {
  const pem = readFileSync(certificateFile);
  const secure = createTlsServer({ cert: pem, key: pem, noDelay: true }, serve);
  await once(secure.listen(0, "127.0.0.1"), "listening");
  tell({ port: portOf(server), tlsPort: portOf(secure) });
}

function portOf(listening: Server): number {
  const address = listening.address();
  return typeof address === "object" && address ? address.port : 0;
}

function answer(socket: Socket, request: RequestReader): void {
  if (mode.kind === "json") {
    for (const bytes of json) socket.write(bytes);
    return;
  }
  const parts = request.holds(ASKS_FOR_USAGE) ? events.withUsage : events.without;
  if (mode.everyMs === 0) for (const bytes of parts) socket.write(bytes);
  else drip(socket, parts, mode.everyMs);
}

function drip(socket: Socket, parts: readonly Buffer[], everyMs: number): void {
  let next = 0;
  const timer = setInterval(() => {
    const part = parts[next++];
    if (part === undefined || socket.destroyed) clearInterval(timer);
    else socket.write(part);
  }, everyMs);
}

/** The writes of one answer: the head goes with the first part, the end with the last. */
function answerOf(type: string, parts: readonly Buffer[], chunked: boolean): Buffer[] {
  const length = parts.reduce((sum, { length }) => sum + length, 0);
  const framing = chunked ? "transfer-encoding: chunked" : `content-length: ${length}`;
  const buffering = chunked ? "x-accel-buffering: no\r\n" : "";
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nx-request-id: req_bench\r\n${buffering}${framing}\r\n\r\n`;
  const writes = parts.map((part) =>
    chunked ? Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]) : part,
  );
  return writes.map((bytes, index) =>
    Buffer.concat([
      ...(index === 0 ? [Buffer.from(head)] : []),
      bytes,
      ...(chunked && index === parts.length - 1 ? [LAST_CHUNK] : []),
    ]),
  );
}

/** Knows when a request is complete, and little more. Requests are not pipelined. */
class RequestReader {
  #parts: Buffer[] = [];
  #received = 0;
  /** Bytes of head and body together; undefined: the head is not complete. */
  #total: number | undefined;
  #chunked = false;

  push(bytes: Buffer): boolean {
    this.#parts.push(bytes);
    this.#received += bytes.length;
    if (this.#total === undefined && !this.#chunked) this.#readHead();
    if (this.#chunked) return bytes.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
    return this.#total !== undefined && this.#received >= this.#total;
  }

  holds(word: Buffer): boolean {
    return Buffer.concat(this.#parts).includes(word);
  }

  arrival(): Arrival {
    const bytes = Buffer.concat(this.#parts);
    const end = bytes.indexOf(END_OF_HEAD);
    const head = bytes.toString("latin1", 0, end);
    const body = bytes.subarray(end + END_OF_HEAD.length);
    return {
      authorization: /\r\nauthorization: *([^\r]*)/i.exec(head)?.[1],
      body: this.#chunked ? withoutChunks(body) : body,
    };
  }

  reset(): void {
    this.#parts = [];
    this.#received = 0;
    this.#total = undefined;
    this.#chunked = false;
  }

  #readHead(): void {
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    const end = bytes?.indexOf(END_OF_HEAD) ?? -1;
    if (!bytes || end === -1) return;
    const head = bytes.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#chunked = length === undefined && /\r\ntransfer-encoding:/i.test(head);
    if (!this.#chunked) this.#total = end + END_OF_HEAD.length + Number(length ?? 0);
  }
}

function withoutChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

function tell(reply: UpstreamReply): void {
  process.send?.(reply);
}
