/** A client on a bare socket: sends what it is told, byte for byte, and knows how the connection ended. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";

export interface RawResponse {
  readonly status: number;
  /** Names in lower case; a repeated header's values are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The framing says that nothing is missing. */
  readonly complete: boolean;
}

export interface SendOptions {
  readonly method?: string;
  readonly path?: string;
  /** Name, value, name, value. */
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  /** Without it, the length is announced. */
  readonly chunked?: boolean;
  readonly host?: string;
}

/** The bytes of a request; `Host`, and the framing of a body, are added unless the headers have them. */
export function requestBytes({ method, path = "/", headers = [], body, chunked, host = "gateway.test" }: SendOptions) {
  const names = new Set(headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const lines = [`${method ?? (body === undefined ? "GET" : "POST")} ${path} HTTP/1.1`];
  if (!names.has("host")) lines.push(`Host: ${host}`);
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  const bytes = Buffer.from(body ?? "");
  if (chunked === true) lines.push("Transfer-Encoding: chunked");
  else if (body !== undefined && !names.has("content-length")) lines.push(`Content-Length: ${bytes.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat(chunked === true ? [head, chunkOf(bytes), chunkOf("")] : [head, bytes]);
}

/** Name, value, name, value, from lines of `name: value`. */
export function headerLines(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter(Boolean)
    .flatMap((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
}

/** One chunk of a chunked body; the empty one is the last. */
export function chunkOf(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

export class RawClient {
  readonly socket: Socket;
  /** How the gateway ended the connection. */
  readonly ended: Promise<"end" | "reset">;
  #received = Buffer.alloc(0);
  #over = false;
  #wake: (() => void) | undefined;

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    const { promise, resolve } = Promise.withResolvers<"end" | "reset">();
    this.ended = promise;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    const over = (how: "end" | "reset"): void => {
      this.#over = true;
      resolve(how);
      this.#wake?.();
    };
    socket.on("end", () => over("end"));
    socket.on("error", () => over("reset"));
    socket.on("close", () => over("reset"));
  }

  /** What has come and was not read yet. */
  get unread(): Buffer {
    return this.#received;
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  request(options: SendOptions): this {
    return this.send(requestBytes(options));
  }

  close(): void {
    this.socket.destroy();
  }

  /** Waits until the text has come, and takes everything up to its end. Undefined: the connection ended before. */
  async take(text: string): Promise<string | undefined> {
    for (;;) {
      const at = this.#received.indexOf(text);
      if (at !== -1) return this.#shift(at + text.length).toString("latin1");
      if (this.#over) return undefined;
      await this.#more();
    }
  }

  /** The next answer; 1xx heads are answers of their own. `head`: it answers a HEAD request. */
  async response({ head = false } = {}): Promise<RawResponse> {
    const text = await this.take("\r\n\r\n");
    if (text === undefined) throw new Error(`the connection ended before a head came: ${this.#received.toString()}`);
    const [statusLine = "", ...lines] = text.slice(0, -4).split("\r\n");
    const status = Number(statusLine.split(" ")[1]);
    const rawHeaders = lines.flatMap((line) => [
      line.slice(0, line.indexOf(":")),
      line.slice(line.indexOf(":") + 1).trim(),
    ]);
    const headers: Record<string, string> = {};
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = (rawHeaders[index] ?? "").toLowerCase();
      const value = rawHeaders[index + 1] ?? "";
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    const bodiless = head || status < 200 || status === 204 || status === 304;
    const { body, complete } = bodiless ? { body: Buffer.alloc(0), complete: true } : await this.#body(headers);
    return { status, headers, rawHeaders, body, complete };
  }

  async #body(headers: Readonly<Record<string, string>>): Promise<{ body: Buffer; complete: boolean }> {
    if (headers["transfer-encoding"] === "chunked") return this.#chunked();
    const length = headers["content-length"] === undefined ? Infinity : Number(headers["content-length"]);
    while (this.#received.length < length && !this.#over) await this.#more();
    const body = this.#shift(Math.min(length, this.#received.length));
    return { body, complete: length === Infinity ? (await this.ended) === "end" : body.length === length };
  }

  async #chunked(): Promise<{ body: Buffer; complete: boolean }> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = await this.take("\r\n");
      if (line === undefined) return { body: Buffer.concat(parts), complete: false };
      const length = Number.parseInt(line, 16);
      while (this.#received.length < length + 2 && !this.#over) await this.#more();
      parts.push(this.#shift(length));
      const complete = this.#shift(2).toString() === "\r\n";
      if (length === 0 || !complete) return { body: Buffer.concat(parts), complete };
    }
  }

  #shift(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** One request on a connection of its own. */
export async function send(port: number, options: SendOptions): Promise<RawResponse> {
  const client = await RawClient.connect(port);
  try {
    return await client.request(options).response({ head: options.method === "HEAD" });
  } finally {
    client.close();
  }
}
