/** A definition, compiled whole and frozen: what every request looks up and none decides. */
import type { Endpoints } from "@keybearer/keyring";
import type { Provider } from "@keybearer/providers";
import type { Credential } from "@keybearer/secrets";
import type { CompileContext } from "./backend.ts";
import { compileChoice, type BackendChoice } from "./candidates.ts";
import type { BindDefinition, GatewayDefinition, RouteDefinition } from "./definition.ts";
import { compileLimits, type FrontendLimits } from "./limits.ts";
import { hostRank } from "./matching.ts";
import { compileClientKeys, type ClientKeyCheck } from "./policies/client-key.ts";
import { compileCors, type Cors } from "./policies/cors.ts";
import { compileRoutes, type MatchedRoute, type RouteTable } from "./route.ts";
import { DefinitionError, ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { Acceptor, type ConnectionTls, type TlsSecrets } from "./downstream/listener-tls.ts";
import type { ChooseAcceptor } from "./downstream/tls-front.ts";
import type { Target } from "./target.ts";
import type { Dispatchers } from "./upstreams.ts";

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
  /** Undefined: in clear text. */
  readonly acceptor: Acceptor | undefined;
  readonly routes: RouteTable<CompiledRoute>;
}

export interface CompiledBind {
  readonly definition: BindDefinition;
  /** Undefined: in clear text. */
  readonly acceptors: ChooseAcceptor | undefined;
  /** The listener with the most specific host name, and its route. Throws ProxyError `misdirected_request`. */
  find(
    exchange: Pick<Exchange, "head" | "tls">,
    target: Target,
  ): { readonly listener: string; readonly matched: MatchedRoute<CompiledRoute> | undefined } | undefined;
}

export interface Snapshot {
  readonly limits: FrontendLimits;
  readonly binds: ReadonlyMap<string, CompiledBind>;
}

export interface SnapshotOptions {
  readonly providers: readonly Provider[];
  readonly credential: (id: string) => Credential | undefined;
  /** Of backends in groups; none by default. */
  readonly endpoints?: (id: string) => Endpoints | undefined;
  readonly upstreams: Dispatchers;
  /** For listeners with TLS. */
  readonly tls?: TlsSecrets | undefined;
}

const noSecrets: TlsSecrets = { material: () => undefined, ticketKey: () => new Uint8Array(0) };

/** Throws DefinitionError. */
export function compileSnapshot(definition: GatewayDefinition, options: SnapshotOptions): Snapshot {
  const context: CompileContext = {
    providers: new Map(options.providers.map((provider) => [provider.name, provider])),
    credential: options.credential,
    endpoints: options.endpoints ?? (() => undefined),
    upstreams: options.upstreams,
    tellsKey: definition.keyHeader ?? false,
  };
  return {
    limits: compileLimits(definition.frontend),
    binds: new Map(definition.binds.map((bind) => [bind.name, compileBind(bind, context, options)])),
  };
}

function compileBind(
  definition: BindDefinition,
  context: CompileContext,
  { tls: secrets = noSecrets }: SnapshotOptions,
): CompiledBind {
  const listeners = definition.listeners.map((listener): CompiledListener => {
    const { name, hostname, tls, routes } = listener;
    return {
      name,
      hostname: hostname?.toLowerCase(),
      acceptor: tls && new Acceptor(definition.name, listener, tls, secrets),
      routes: compileRoutes(routes.map((route) => compileRoute(route, context))),
    };
  });
  const isSecure = listeners.some(({ acceptor }) => acceptor);
  if (isSecure && !listeners.every(({ acceptor }) => acceptor))
    throw new DefinitionError("INVALID_TLS", `bind ${definition.name}: some listeners have TLS, and some have not`);
  return {
    definition,
    acceptors: isSecure ? (serverName) => bestListener(listeners, serverName)?.acceptor : undefined,
    find({ head, tls }, target) {
      const listener = bestListener(listeners, target.hostname);
      if ((isSecure || tls) && listener !== securedFor(listeners, tls)) {
        throw new ProxyError(
          "misdirected_request",
          "This connection was not made for this host: connect with the host's name in TLS (SNI).",
        );
      }
      return listener && { listener: listener.name, matched: listener.routes.find(head, target) };
    },
  };
}

/** The only listener that serves on a connection, if it asks no more of a client than was asked in the handshake. */
function securedFor(
  listeners: readonly CompiledListener[],
  tls: ConnectionTls | undefined,
): CompiledListener | undefined | "none" {
  const listener = tls && bestListener(listeners, tls.serverName);
  return listener?.acceptor?.clientAuthority === tls?.clientAuthority ? listener : "none";
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
