/** Definitions with everything that a test does not care about filled in. */
import type { AiBackend, HostBackend, MatchDefinition, RouteDefinition, RoutePolicies } from "@keybearer/proxy";

export function route(parts: Partial<Omit<RouteDefinition, "policies">> & { policies?: Partial<RoutePolicies> }) {
  return {
    name: "route",
    hostnames: [],
    matches: [match({})],
    backends: [],
    ...parts,
    policies: { refuseCrossSite: false, ...parts.policies },
  } satisfies RouteDefinition;
}

export function match(parts: Partial<MatchDefinition>): MatchDefinition {
  return { path: { pathPrefix: "/" }, headers: [], query: [], ...parts };
}

/** A route that answers with its own name. */
export function answering(name: string, parts: Omit<Parameters<typeof route>[0], "name"> = {}) {
  const directResponse = { status: 200, body: name, headers: [] };
  return route({ ...parts, name, policies: { ...parts.policies, directResponse } });
}

const common = { name: "backend", weight: 1, requestHeaders: [], responseHeaders: [] };

/** A provider that speaks OpenAI's API, called with the gateway's own key. */
export function ai(parts: Partial<AiBackend> & { hostOverride: string }): AiBackend {
  return { ...common, kind: "ai", provider: "openAI", includeUsage: true, credential: credential("key"), ...parts };
}

/** A plain reverse proxy. */
export function host(parts: Partial<HostBackend> & { host: string }): HostBackend {
  return { ...common, kind: "host", credential: undefined, ...parts };
}

export function credential(...ids: string[]): { readonly entries: { readonly id: string }[] } {
  return { entries: ids.map((id) => ({ id })) };
}
