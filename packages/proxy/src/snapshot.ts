/** A definition, compiled whole and frozen: what every request looks up and none decides. */
import type { Endpoints } from "@keybearer/keyring";
import type { Provider } from "@keybearer/providers";
import type { Credential } from "@keybearer/secrets";
import type { CompileContext } from "./backend.ts";
import { compileChoice, type BackendChoice } from "./candidates.ts";
import type { BindDefinition, GatewayDefinition, RouteDefinition } from "./definition.ts";
import { hostRank } from "./matching.ts";
import { compileClientKeys, type ClientKeyCheck } from "./policies/client-key.ts";
import { compileCors, type Cors } from "./policies/cors.ts";
import { compileRoutes, type MatchedRoute, type RouteTable } from "./route.ts";
import type { RequestHead } from "./exchange.ts";
import type { Target } from "./target.ts";
import type { Upstreams } from "./upstreams.ts";

export interface CompiledRoute {
  readonly definition: RouteDefinition;
  readonly cors: Cors | undefined;
  readonly clientKeys: ClientKeyCheck | undefined;
  readonly backends: readonly BackendChoice[];
  readonly totalWeight: number;
}

interface CompiledListener {
  readonly name: string;
  readonly hostname: string | undefined;
  readonly routes: RouteTable<CompiledRoute>;
}

export interface CompiledBind {
  readonly definition: BindDefinition;
  /** The listener with the most specific host name, and its route. */
  find(
    head: RequestHead,
    target: Target,
  ): { readonly listener: string; readonly matched: MatchedRoute<CompiledRoute> | undefined } | undefined;
}

export interface Snapshot {
  readonly binds: ReadonlyMap<string, CompiledBind>;
}

export interface SnapshotOptions {
  readonly providers: readonly Provider[];
  readonly credential: (id: string) => Credential | undefined;
  /** Of backends in groups; none by default. */
  readonly endpoints?: (id: string) => Endpoints | undefined;
  readonly upstreams: Upstreams;
}

/** Throws DefinitionError. */
export function compileSnapshot(definition: GatewayDefinition, options: SnapshotOptions): Snapshot {
  const context: CompileContext = {
    providers: new Map(options.providers.map((provider) => [provider.name, provider])),
    credential: options.credential,
    endpoints: options.endpoints ?? (() => undefined),
    upstreams: options.upstreams,
    tellsKey: definition.keyHeader ?? false,
  };
  return { binds: new Map(definition.binds.map((bind) => [bind.name, compileBind(bind, context)])) };
}

function compileBind(definition: BindDefinition, context: CompileContext): CompiledBind {
  const listeners = definition.listeners.map(({ name, hostname, routes }): CompiledListener => ({
    name,
    hostname: hostname?.toLowerCase(),
    routes: compileRoutes(routes.map((route) => compileRoute(route, context))),
  }));
  return {
    definition,
    find(head, target) {
      const listener = bestListener(listeners, target.hostname);
      return listener && { listener: listener.name, matched: listener.routes.find(head, target) };
    },
  };
}

function bestListener(
  listeners: readonly CompiledListener[],
  hostname: string | undefined,
): CompiledListener | undefined {
  let best: CompiledListener | undefined;
  let bestRank = 0;
  for (const listener of listeners) {
    const rank = hostRank(listener.hostname, hostname);
    if (rank > bestRank) [best, bestRank] = [listener, rank];
  }
  return best;
}

function compileRoute(definition: RouteDefinition, context: CompileContext): CompiledRoute {
  const { cors, apiKey } = definition.policies;
  const backends = definition.backends.map((backend) => compileChoice(backend, definition.policies, context));
  return {
    definition,
    cors: cors && compileCors(cors),
    clientKeys: apiKey && compileClientKeys(apiKey),
    backends,
    totalWeight: backends.reduce((sum, { weight }) => sum + weight, 0),
  };
}
