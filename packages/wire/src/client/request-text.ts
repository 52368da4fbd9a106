/** Writes the head of a request (RFC 9112 section 3): what does not belong into one is refused, never repaired. */
import { stringify } from "node:querystring";
import type { Dispatcher } from "undici";
import { readContentLength } from "../syntax/content-length.ts";
import { ClientError, invalidArgument } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { flatHeaders } from "./request-headers.ts";
import { requestBody } from "./request-body.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NO_PATH = /[^\x21-\x7e]/;
const PAYLOAD_METHODS: ReadonlySet<string> = new Set(["PUT", "POST", "PATCH", "QUERY", "PROPFIND", "PROPPATCH"]);
const METHODS_WITHOUT_LENGTH: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Fills in what is to be sent. `authority`: Host, where the request names none. Throws ClientError, as undici's would be. */
export function prepare(exchange: Exchange, authority: string): void {
  const { request } = exchange;
  const { method } = request;
  if (typeof method !== "string" || !TOKEN.test(method) || method === "CONNECT")
    throw invalidArgument("invalid request method");
  if (request.upgrade) throw new ClientError("UND_ERR_NOT_SUPPORTED", "no upgrade on this connection");
  exchange.body = requestBody(request.body);
  // A server that ignores a body which it did not expect would read it as the next request, and some answer HEAD with a body.
  exchange.closes =
    request.reset === true || method === "HEAD" || (exchange.body !== null && !PAYLOAD_METHODS.has(method));
  let host = authority;
  let hosts = 0;
  let fields = "";
  const headers = flatHeaders(request.headers);
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    const value = headers[index + 1] ?? "";
    const special = plainNames.has(name) ? undefined : specialName(name);
    if (NO_VALUE.test(value)) throw invalidArgument(`invalid ${name} header`);
    if (special === undefined) {
      fields += `${name}: ${value}\r\n`;
    } else if (special === "host") {
      if (++hosts > 1) throw invalidArgument("duplicate host header");
      host = value;
    } else {
      noteSpecial(exchange, special, value);
    }
  }
  if (request.body instanceof Blob) fields += describeBlob(exchange, request.body, headers);
  checkLength(exchange);
  const connection = exchange.closes ? "close" : "keep-alive";
  exchange.text = `${method} ${pathOf(request)} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${connection}\r\n${fields}`;
}

/** How the body ends, and the end of the head. `length` -1: chunked. */
export function framing(exchange: Exchange, length: number): string {
  if (length === -1) return "transfer-encoding: chunked\r\n\r\n";
  if (length === 0 && !PAYLOAD_METHODS.has(exchange.request.method)) return "\r\n";
  return `content-length: ${length}\r\n\r\n`;
}

function pathOf({ path, query }: Dispatcher.DispatchOptions): string {
  if (typeof path !== "string") throw invalidArgument("path must be a string");
  if (!path.startsWith("/") && !path.startsWith("http://") && !path.startsWith("https://"))
    throw invalidArgument("path must be an absolute URL or start with a slash");
  if (NO_PATH.test(path)) throw invalidArgument("invalid request path");
  if (!query) return path;
  if (/[?#]/.test(path))
    throw invalidArgument('query params cannot be passed when the path already contains "?" or "#"');
  const text = stringify(query);
  return text === "" ? path : `${path}?${text}`;
}

/** Names that are right and have no meaning here: the same few come with every request. */
const plainNames = new Set<string>();
const REMEMBERED = 512;
const LONGEST = 64;

/** In lower case; undefined: it has no meaning here. Throws ClientError for what is no name. */
function specialName(name: string): string | undefined {
  if (!TOKEN.test(name)) throw invalidArgument("invalid header key");
  const lower = name.toLowerCase();
  if (SPECIAL.has(lower)) return lower;
  if (plainNames.size >= REMEMBERED) plainNames.clear();
  // A copy: a name that was cut out of a text would keep all of the text in memory.
  if (name.length <= LONGEST) plainNames.add(Buffer.from(name, "latin1").toString("latin1"));
  return undefined;
}

const SPECIAL: ReadonlySet<string> = new Set([
  "host",
  "expect",
  "upgrade",
  "connection",
  "keep-alive",
  "content-length",
  "transfer-encoding",
]);

function noteSpecial(exchange: Exchange, name: string, value: string): void {
  if (name === "content-length") {
    if (exchange.contentLength !== -1) throw invalidArgument("duplicate content-length header");
    exchange.contentLength = readContentLength(value);
    if (exchange.contentLength === -1) throw invalidArgument("invalid content-length header");
  } else if (name === "connection") {
    for (const token of value.toLowerCase().split(",")) {
      if (!TOKEN.test(token.trim())) throw invalidArgument("invalid connection header");
      if (token.trim() === "close") exchange.closes = true;
    }
  } else if (name === "expect") {
    throw new ClientError("UND_ERR_NOT_SUPPORTED", "expect header not supported");
  } else {
    throw invalidArgument(`invalid ${name} header`);
  }
}

/** Its length; and, as a line, its type, if nothing else was said. */
function describeBlob(exchange: Exchange, { size, type }: Blob, headers: readonly string[]): string {
  if (exchange.contentLength === -1) exchange.contentLength = size;
  const isTyped = headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === "content-type");
  return isTyped || type === "" ? "" : `content-type: ${type}\r\n`;
}

function checkLength({ request, body, contentLength }: Exchange): void {
  if (contentLength === -1 || !(body instanceof Uint8Array) || METHODS_WITHOUT_LENGTH.has(request.method)) return;
  if (contentLength !== body.length) throw lengthMismatch();
}

export function lengthMismatch(): ClientError {
  const message = "Request body length does not match content-length header";
  return new ClientError("UND_ERR_REQ_CONTENT_LENGTH_MISMATCH", message);
}
