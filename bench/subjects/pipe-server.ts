/** The least that a gateway in Node can be: node:http in front, undici behind, the key swapped, nothing read or checked. */
import { createServer, type ServerResponse } from "node:http";
import { Pool, type Dispatcher } from "undici";

const [port, upstreamPort, key] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 1024, pipelining: 1, allowH2: false });
const droppedHeaders = new Set(["host", "connection", "content-length", "transfer-encoding", "authorization"]);

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const headers = ["authorization", `Bearer ${key}`, ...keptOf(request.rawHeaders)];
    const { url: path = "/", method = "GET" } = request;
    pool.dispatch({ path, method, headers, body: Buffer.concat(parts) }, new Answer(response));
  });
}).listen(Number(port), "127.0.0.1");

class Answer implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(): void {
    // Nothing to prepare; undici asks for it.
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw: unknown[] = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : [];
    this.#response.writeHead(status, raw.map(String));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

function keptOf(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    if (!droppedHeaders.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}
