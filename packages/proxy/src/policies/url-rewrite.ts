/** `urlRewrite`: the path that the backend sees, and the Host that it is told. Never where the connection goes. */
import type { UrlRewrite } from "../definition.ts";

/** The path after the rewrite. `prefix` is the one that the route matched. */
export function rewritePath(rewrite: UrlRewrite["path"], path: string, prefix: string | undefined): string {
  if (rewrite === undefined) return path;
  if ("full" in rewrite) return rewrite.full;
  if (prefix === undefined) return path;
  const replacement = rewrite.prefix.endsWith("/") ? rewrite.prefix.slice(0, -1) : rewrite.prefix;
  const rest = path.slice(prefix.length);
  return replacement + rest === "" ? "/" : replacement + rest;
}

/**
 * The Host that the upstream is told. `none` keeps the client's, but never beside a key: there the backend's own stands,
 * because a shared front end chooses its tenant by Host.
 */
export function rewriteHost(
  rewrite: UrlRewrite["authority"],
  own: string,
  client: string | undefined,
  carriesKey: boolean,
): string {
  if (rewrite === undefined || rewrite === "auto") return own;
  if (rewrite === "none") return carriesKey || client === undefined ? own : client;
  if ("full" in rewrite) return rewrite.full;
  if ("host" in rewrite) return own.replace(/^(\[[^\]]*\]|[^:]*)/, rewrite.host);
  return `${own.replace(/:\d+$/, "")}:${rewrite.port}`;
}
