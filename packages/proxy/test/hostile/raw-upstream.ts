/** An upstream on a bare socket: reads requests by the letter of RFC 9112, and answers with whatever bytes it is told. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  /** Lower-case name, value; as often as it came. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Called for each whole request. */
export type Answer = (request: UpstreamRequest, socket: Socket) => void;

export interface RawUpstream {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly requests: readonly UpstreamRequest[];
  readonly sockets: readonly Socket[];
  readonly bytesReceived: () => number;
  /** What came and was no request of HTTP/1.1. */
  readonly violations: readonly string[];
  readonly close: () => Promise<void>;
}

export async function startRawUpstream(answer: Answer = answerOk, accepted?: (socket: Socket) => void) {
  const requests: UpstreamRequest[] = [];
  const sockets: Socket[] = [];
  const violations: string[] = [];
  let bytes = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let rest = "";
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    accepted?.(socket);
    socket.setEncoding("latin1").on("data", (text: string) => {
      bytes += text.length;
      rest += text;
      try {
        for (let found = readRequest(rest); found; found = readRequest(rest)) {
          rest = rest.slice(found.length);
          requests.push(found.request);
          answer(found.request, socket);
        }
      } catch (error) {
        violations.push(`${String(error)}: ${JSON.stringify(rest.slice(0, 200))}`);
        socket.destroy();
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    sockets,
    bytesReceived: () => bytes,
    violations,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  } satisfies RawUpstream;
}

export function answerOk({ method }: UpstreamRequest, socket: Socket): void {
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n${method === "HEAD" ? "" : "ok"}`,
  );
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.1$/;
/** A header line. */
export const FIELD =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/;

/** By the letter of RFC 9112. Undefined: more must come. Throws where it is no request. */
export function readRequest(text: string): { request: UpstreamRequest; length: number } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const start = REQUEST_LINE.exec(line);
  if (!start) throw new Error("no request line");
  const headers = fields.map((field): readonly [string, string] => {
    const found = FIELD.exec(field);
    if (!found) throw new Error(`no header: ${field}`);
    return [(found[1] ?? "").toLowerCase(), found[2] ?? ""];
  });
  const body = readBody(text.slice(end + 4), headers);
  if (!body) return undefined;
  return {
    request: { method: start[1] ?? "", target: start[2] ?? "", headers, body: body.text },
    length: end + 4 + body.length,
  };
}

function readBody(
  text: string,
  headers: readonly (readonly [string, string])[],
): { text: string; length: number } | undefined {
  const values = (name: string) => headers.flatMap((header) => (header[0] === name ? [header[1]] : []));
  const lengths = values("content-length");
  const codings = values("transfer-encoding");
  if (values("host").length !== 1) throw new Error("not one Host");
  if (lengths.length + codings.length > 1) throw new Error("two framings");
  if (codings.length === 1) {
    if (codings[0] !== "chunked") throw new Error("another coding");
    return readChunks(text);
  }
  if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0] ?? "")) throw new Error("no length");
  const length = Number(lengths[0] ?? 0);
  return text.length < length ? undefined : { text: text.slice(0, length), length };
}

function readChunks(text: string): { text: string; length: number } | undefined {
  let body = "";
  for (let at = 0; ;) {
    const end = text.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const size = text.slice(at, end);
    if (!/^[0-9a-f]{1,8}$/i.test(size)) throw new Error("no chunk size");
    const length = Number.parseInt(size, 16);
    if (text.length < end + 2 + length + 2) return undefined;
    body += text.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
    if (text.slice(at - 2, at) !== "\r\n") throw new Error("a chunk without an end, or trailers");
    if (length === 0) return { text: body, length: at };
  }
}
