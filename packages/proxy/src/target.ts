/** Where a request points: authority, path and query, read from its head. */
import { ProxyError } from "./errors.ts";
import type { RequestHead } from "./exchange.ts";

export interface Target {
  /** Host name in lower case, without its port; undefined for an HTTP/1.0 request without Host. */
  readonly hostname: string | undefined;
  /** Host as it was sent. */
  readonly host: string | undefined;
  /** Never empty, begins with `/`, percent-encoding as it came, free of dot segments. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
const FORBIDDEN_IN_TARGET = /[^\x21-\x7e]|[#\\]/;
// A dot segment, plain or encoded: an upstream that resolves it would serve another path than the one that was judged.
// Some decode slashes first, some cut a segment at its semicolon.
const DOT_SEGMENT = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|;|%3b|$)/i;
// A name as DNS has it, or an address. RFC 3986 allows more, of which a comma would be two hosts to some.
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{0,5})?$/i;

/** What was read last, for the same again: without a query, which may hold a key. */
let known: { readonly given: string; readonly host: string | undefined; readonly target: Target } | undefined;

/**
 * Throws ProxyError `invalid_request`, `invalid_path` or, for `OPTIONS *`, `route_not_found`. RFC 9112 section 3.2: an
 * absolute form overrides Host, which must be there and right all the same.
 */
export function readTarget(head: RequestHead): Target {
  const host = onlyHost(head.headers);
  if (host !== undefined && head.target === known?.given && host === known.host) return known.target;
  const target = parse(head, host);
  if (target.query === "") known = { given: head.target, host, target };
  return target;
}

function parse(head: RequestHead, given: string | undefined): Target {
  let rest = head.target;
  let host = given;
  // Only HTTP/1.0 may leave it out.
  if (host === undefined && head.httpVersion !== "1.0")
    throw new ProxyError("invalid_request", "The request has no Host header.");
  if (host !== undefined && !HOST.test(host))
    throw new ProxyError("invalid_request", "The Host header is not a host and port.");
  if (!rest.startsWith("/")) {
    if (rest === "*" && head.method === "OPTIONS")
      throw new ProxyError("route_not_found", "OPTIONS * asks about the gateway itself, which says nothing of that.");
    const absolute = ABSOLUTE.exec(rest);
    if (!absolute) throw new ProxyError("invalid_request", "The request target is neither a path nor an http URL.");
    host = absolute[1] ?? "";
    if (!HOST.test(host)) throw new ProxyError("invalid_request", "The request target has no host and port.");
    rest = absolute[2] ?? "";
    if (!rest.startsWith("/")) rest = `/${rest}`;
  }
  if (FORBIDDEN_IN_TARGET.test(rest))
    throw new ProxyError("invalid_path", "The path has a character that a URL may not hold.");
  const question = rest.indexOf("?");
  const path = question === -1 ? rest : rest.slice(0, question);
  if (DOT_SEGMENT.test(path)) throw new ProxyError("invalid_path", "The path has a dot segment.");
  return {
    host,
    hostname: host === undefined ? undefined : withoutPort(host),
    path,
    query: question === -1 ? "" : rest.slice(question),
  };
}

function onlyHost(headers: readonly string[]): string | undefined {
  let host: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index];
    if (name === undefined || name.length !== 4 || name.toLowerCase() !== "host") continue;
    if (host !== undefined) throw new ProxyError("invalid_request", "The request has two Host headers.");
    host = headers[index + 1] ?? "";
  }
  return host;
}

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(":");
  const bare = colon > host.lastIndexOf("]") ? host.slice(0, colon) : host;
  return bare.toLowerCase();
}
