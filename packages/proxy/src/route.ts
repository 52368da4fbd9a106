/** Which route serves a request: a table compiled at load, most specific first. */
import type { RequestHead } from "./exchange.ts";
import type { MatchDefinition, RouteDefinition } from "./definition.ts";
import { compileRegex, compileValue, hostRank, type ValueMatcher } from "./matching.ts";
import type { Target } from "./target.ts";

interface Row<Route> {
  readonly route: Route;
  readonly match: (head: RequestHead, target: Target, method: string) => boolean;
}

/** Rows of one host name pattern; undefined: every host. */
interface HostTable<Route> {
  readonly hostname: string | undefined;
  readonly rows: readonly Row<Route>[];
}

export interface RouteTable<Route> {
  /** The most specific route; where none of the most specific host name matches, the less specific names are tried. */
  find(head: RequestHead, target: Target): MatchedRoute<Route> | undefined;
}

export interface MatchedRoute<Route> {
  readonly route: Route;
  /** The prefix that matched, for `urlRewrite.path.prefix`; undefined when the match was exact or a regex. */
  readonly prefix: string | undefined;
}

interface RankedRow<Route> extends Row<MatchedRoute<Route>> {
  readonly rank: readonly number[];
}

/**
 * Order: exact path, longest prefix (a regex ranks among them by its length), a method, number of headers, number of
 * query parameters, then the order of the config. Throws DefinitionError INVALID_REGEX.
 */
export function compileRoutes<Route extends { readonly definition: RouteDefinition }>(
  routes: readonly Route[],
): RouteTable<Route> {
  const byHost = new Map<string | undefined, RankedRow<Route>[]>();
  for (const route of routes) {
    const { hostnames, matches } = route.definition;
    const rows = matches.map((match) => compileMatch(route, match));
    for (const hostname of hostnames.length > 0 ? hostnames.map((name) => name.toLowerCase()) : [undefined]) {
      const table = byHost.get(hostname) ?? [];
      table.push(...rows);
      byHost.set(hostname, table);
    }
  }
  const tables: HostTable<MatchedRoute<Route>>[] = [];
  for (const [hostname, rows] of byHost) tables.push({ hostname, rows: rows.toSorted(mostSpecificFirst) });
  return { find: (head, target) => find(tables, head, target) };
}

function find<Matched>(tables: readonly HostTable<Matched>[], head: RequestHead, target: Target): Matched | undefined {
  const method = methodToMatch(head);
  const fitting = tables.length === 1 ? tables : bestHostFirst(tables, target.hostname);
  for (const { hostname, rows } of fitting) {
    if (hostRank(hostname, target.hostname) === 0) continue;
    for (const row of rows) if (row.match(head, target, method)) return row.route;
  }
  return undefined;
}

function bestHostFirst<Matched>(
  tables: readonly HostTable<Matched>[],
  hostname: string | undefined,
): readonly HostTable<Matched>[] {
  return tables.toSorted((a, b) => hostRank(b.hostname, hostname) - hostRank(a.hostname, hostname));
}

/** A CORS preflight asks on behalf of the method that it names. */
function methodToMatch({ method, headers }: RequestHead): string {
  if (method !== "OPTIONS" || headerValue(headers, "origin") === undefined) return method;
  return headerValue(headers, "access-control-request-method") ?? method;
}

function compileMatch<Route>(route: Route, { path, method, headers, query }: MatchDefinition): RankedRow<Route> {
  const pathMatches = compilePath(path);
  const headerMatchers = headers.map(({ name, value }) => [name.toLowerCase(), compileValue(value)] as const);
  const queryMatchers = query.map(({ name, value }) => [name, compileValue(value)] as const);
  return {
    route: { route, prefix: "pathPrefix" in path ? withoutTrailingSlash(path.pathPrefix) : undefined },
    rank: [
      "exact" in path ? 1 : 0,
      "exact" in path
        ? path.exact.length
        : "regex" in path
          ? path.regex.length
          : withoutTrailingSlash(path.pathPrefix).length,
      method === undefined ? 0 : 1,
      headers.length,
      query.length,
    ],
    match: (head, target, actualMethod) =>
      (method === undefined || method === actualMethod) &&
      pathMatches(target.path) &&
      headerMatchers.every(([name, matches]) => {
        const value = headerValue(head.headers, name);
        return value !== undefined && matches(value);
      }) &&
      (queryMatchers.length === 0 || queryMatches(target.query, queryMatchers)),
  };
}

function compilePath(path: MatchDefinition["path"]): ValueMatcher {
  if ("exact" in path) return (value) => value === path.exact;
  if ("regex" in path) return compileRegex(path.regex);
  const prefix = withoutTrailingSlash(path.pathPrefix);
  if (prefix === "") return () => true;
  // On segment boundaries: /foo matches /foo and /foo/x, not /foobar.
  return (value) =>
    value.startsWith(prefix) && (value.length === prefix.length || value.charCodeAt(prefix.length) === 0x2f);
}

function queryMatches(query: string, matchers: readonly (readonly [string, ValueMatcher])[]): boolean {
  const parameters = new URLSearchParams(query);
  return matchers.every(([name, matches]) => {
    const value = parameters.get(name);
    return value !== null && matches(value);
  });
}

function mostSpecificFirst(a: { readonly rank: readonly number[] }, b: { readonly rank: readonly number[] }): number {
  for (const [index, rank] of a.rank.entries()) {
    const difference = (b.rank[index] ?? 0) - rank;
    if (difference !== 0) return difference;
  }
  return 0;
}

function withoutTrailingSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}

function headerValue(headers: readonly string[], lowerName: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() === lowerName) return headers[index + 1];
  }
  return undefined;
}
