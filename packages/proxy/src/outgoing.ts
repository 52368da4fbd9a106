/** The request as the upstream gets it, built anew for each attempt from what the client sent. */
import { HeaderList, type OutgoingRequest } from "@keybearer/providers";
import type { Backend, CompiledAi } from "./backend.ts";
import type { RoutePolicies } from "./definition.ts";
import { connectionNames, HOP_BY_HOP } from "./hop-by-hop.ts";
import { rewriteHost } from "./policies/url-rewrite.ts";
import type { Transaction } from "./transaction.ts";

/** Besides, what undici, wire or we write ourselves. */
const NEVER_FORWARDED = new Set([...HOP_BY_HOP, "http2-settings", "expect", "host", "content-length", "x-request-id"]);

/** Path, query and headers, without a credential yet. `path` is the client's after the route's rewrite. */
export function buildOutgoing(
  transaction: Transaction,
  backend: Backend,
  policies: RoutePolicies,
  path: string,
): OutgoingRequest {
  const { target, requestId } = transaction;
  const headers = forwardedHeaders(transaction, backend, policies);
  headers.set("x-request-id", requestId);
  // Usage and scrubbing must see what passes.
  if (backend.ai) headers.set("accept-encoding", "identity");
  const override = backend.ai?.definition.pathOverride;
  if (override !== undefined) return { headers, ...splitQuery(override) };
  const query = queryWithout(backend.dropQuery, target?.query ?? "");
  return { headers, path: backend.ai ? aiPath(backend.ai, transaction, path) : path, query };
}

function forwardedHeaders(
  { headers: incoming, target, exchange, body }: Transaction,
  backend: Backend,
  policies: RoutePolicies,
): HeaderList {
  const headers = new HeaderList();
  headers.append(
    "host",
    rewriteHost(policies.urlRewrite?.authority, backend.origin.authority, target?.host, backend.credentials.length > 0),
  );
  const named = connectionNames(incoming);
  headers.appendFrom(
    incoming,
    (name) => !(NEVER_FORWARDED.has(name) || backend.dropHeaders.has(name) || named?.has(name) === true),
  );
  if (backend.editRequest) {
    backend.editRequest(headers);
    // A modifier may name the Host; the framing is not its business.
    const host = headers.values("host").at(-1);
    for (const name of NEVER_FORWARDED) headers.delete(name);
    headers.append("host", host ?? backend.origin.authority);
  }
  // An edited body has a length of its own, which undici counts; one that is relayed unread keeps the client's.
  const length = exchange.hasBody && !body ? incoming.get("content-length") : undefined;
  if (length !== undefined) headers.append("content-length", String(Number(length)));
  return headers;
}

/** `pathOverride` stands for path and query. */
function splitQuery(override: string): { path: string; query: string } {
  const question = override.indexOf("?");
  return question === -1
    ? { path: override, query: "" }
    : { path: override.slice(0, question), query: override.slice(question) };
}

/** As agentgateway composes it: prefix or base with the call's suffix, else the client's path. */
function aiPath({ definition, provider }: CompiledAi, { call }: Transaction, path: string): string {
  const { pathPrefix, hostOverride } = definition;
  if (call?.suffix === undefined) {
    if (pathPrefix === undefined) return path;
    const underBase = path === provider.basePath || path.startsWith(`${provider.basePath}/`);
    return withoutEndSlash(pathPrefix) + (underBase ? path.slice(provider.basePath.length) : path);
  }
  // With a host of one's own and no prefix, the client's path is right as it is.
  if (hostOverride !== undefined && pathPrefix === undefined) return path;
  return withoutEndSlash(pathPrefix ?? provider.basePath) + call.suffix;
}

function queryWithout(names: ReadonlySet<string>, query: string): string {
  if (query === "" || names.size === 0) return query;
  const kept = query
    .slice(1)
    .split("&")
    // Some servers end a parameter at a semicolon, too: none may find one that we took for a part of another's value.
    .filter((pair) => !pair.split(";").some((part) => names.has(parameterName(part))));
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

/** Decoded as a server would; what cannot be decoded is no name that we look for. */
function parameterName(pair: string): string {
  const name = pair.split("=", 1)[0] ?? "";
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    return name;
  }
}

function withoutEndSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}
