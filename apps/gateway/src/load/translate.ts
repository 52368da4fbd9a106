/** A config, as agentgateway writes it, made into what the data plane is told: every level of policy resolved. */
import type { Bind, Config, ConfigError, ConfigSource, Listener, Route } from "@keybearer/config";
import type {
  BindDefinition,
  GatewayDefinition,
  ListenerDefinition,
  RouteDefinition,
  RoutePolicies,
} from "@keybearer/proxy";
import { CredentialTable, type CredentialRequest } from "./credential-table.ts";
import { translateFrontend } from "./frontend.ts";
import { guardBind, isOpenToAll } from "./open-routes.ts";
import type { TlsFiles } from "./tls-files.ts";
import { translateBackend } from "./translate-backend.ts";

export interface Translation {
  readonly definition: GatewayDefinition;
  readonly credentials: readonly CredentialRequest[];
  readonly errors: readonly ConfigError[];
  readonly notices: readonly string[];
}

/** What a translation gathers on its way. */
export interface TranslationContext {
  readonly source: ConfigSource;
  readonly credentials: CredentialTable;
  readonly tlsFiles: TlsFiles;
  readonly errors: ConfigError[];
  readonly notices: string[];
}

export function translate(config: Config, source: ConfigSource, tlsFiles: TlsFiles): Translation {
  const context: TranslationContext = {
    source,
    tlsFiles,
    credentials: new CredentialTable(),
    errors: [...tlsFiles.errors],
    notices: [],
  };
  const binds = config.binds.map((bind, index) => translateBind(bind, index, context));
  return {
    definition: { binds, keyHeader: config.config.keyHeader, frontend: translateFrontend(config.frontendPolicies) },
    credentials: context.credentials.requests,
    errors: context.errors,
    notices: context.notices,
  };
}

function translateBind(bind: Bind, index: number, context: TranslationContext): BindDefinition {
  const definition: BindDefinition = {
    name: bind.port === 0 ? `bind/0-${index + 1}` : `bind/${bind.port}`,
    port: bind.port,
    address: bind.address,
    listeners: bind.listeners.map((listener, number) => translateListener(listener, number, context)),
  };
  return guardBind(definition, bind, context);
}

function translateListener(
  { name, hostname, tls, routes }: Listener,
  index: number,
  context: TranslationContext,
): ListenerDefinition {
  const listener = name ?? `listener${index}`;
  return {
    name: listener,
    hostname,
    tls: tls && context.tlsFiles.listener(tls),
    routes: routes.map((route, number) => translateRoute(route, `${listener}/route${number}`, context)),
  };
}

function translateRoute(route: Route, defaultName: string, context: TranslationContext): RouteDefinition {
  const name = route.name ?? defaultName;
  const { hostnames, matches } = route;
  const backends = route.backends.map((backend) => translateBackend(backend, route, context));
  const policies = translatePolicies(route);
  return {
    name,
    hostnames,
    matches,
    backends,
    policies: { ...policies, refuseCrossSite: isOpenToAll({ policies, backends }, context) },
  };
}

function translatePolicies({ policies }: Route): RoutePolicies {
  const { cors, apiKey, directResponse, urlRewrite, timeout, retry } = policies;
  return {
    cors: cors && {
      ...cors,
      maxAgeSeconds: cors.maxAgeMs === undefined ? undefined : Math.floor(cors.maxAgeMs / 1000),
    },
    apiKey,
    directResponse,
    urlRewrite: urlRewrite && { authority: urlRewrite.authority, path: urlRewrite.path },
    timeout,
    retry,
    requestHeaders: policies.requestHeaderModifier,
    responseHeaders: policies.responseHeaderModifier,
    refuseCrossSite: false,
  };
}
