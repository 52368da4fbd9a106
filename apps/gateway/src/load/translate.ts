/** A config, as agentgateway writes it, made into what the data plane is told: every level of policy resolved. */
import type {
  AiBackend,
  BackendPolicies,
  Bind,
  Config,
  ConfigError,
  ConfigSource,
  HostBackend,
  Listener,
  Path,
  Route,
} from "@keybearer/config";
import type {
  AiBackend as AiBackendDefinition,
  BackendDefinition,
  BindDefinition,
  GatewayDefinition,
  ListenerDefinition,
  RouteDefinition,
  RoutePolicies,
} from "@keybearer/proxy";
import type { ProviderSettings } from "@keybearer/providers";
import { CredentialTable, type CredentialRequest } from "./credential-table.ts";
import { checkCredential } from "./credential-rules.ts";
import { guardBind, isOpenToAll } from "./open-routes.ts";
import type { TlsFiles } from "./tls-files.ts";

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
    definition: { binds, keyHeader: config.config.keyHeader },
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
  { name, hostname, routes }: Listener,
  index: number,
  context: TranslationContext,
): ListenerDefinition {
  const listener = name ?? `listener${index}`;
  return {
    name: listener,
    hostname,
    routes: routes.map((route, number) => translateRoute(route, `${listener}/route${number}`, context)),
  };
}

function translateRoute(route: Route, defaultName: string, context: TranslationContext): RouteDefinition {
  const name = route.name ?? defaultName;
  const { hostnames, matches } = route;
  const backends = route.backends.flatMap((backend) => {
    if (!("groups" in backend)) return [translateBackend(backend, route, context)];
    context.errors.push(groupsError(backend.path, context));
    return [];
  });
  const policies = translatePolicies(route);
  return {
    name,
    hostnames,
    matches,
    backends,
    policies: { ...policies, refuseCrossSite: isOpenToAll({ policies, backends }, context) },
  };
}

function groupsError(path: Path, { source }: TranslationContext): ConfigError {
  return source.error([...path, "ai", "groups"], {
    code: "CONFIG_NOT_SUPPORTED",
    message: "'groups' is not supported yet",
    fix: "for several keys of one provider: backendAuth: { keys: [...] }",
  });
}

function translatePolicies({ policies }: Route): RoutePolicies {
  const { cors, apiKey, directResponse, urlRewrite, timeout } = policies;
  return {
    cors: cors && {
      ...cors,
      maxAgeSeconds: cors.maxAgeMs === undefined ? undefined : Math.floor(cors.maxAgeMs / 1000),
    },
    apiKey,
    directResponse,
    urlRewrite: urlRewrite && { authority: urlRewrite.authority, path: urlRewrite.path },
    timeout,
    requestHeaders: policies.requestHeaderModifier,
    responseHeaders: policies.responseHeaderModifier,
    refuseCrossSite: false,
  };
}

function translateBackend(
  backend: AiBackend | HostBackend,
  route: Route,
  context: TranslationContext,
): BackendDefinition {
  const levels = levelsOf(backend, route);
  const inner = levels.slice(0, -1);
  const auth = innermost(levels, "backendAuth");
  const tls = innermost(levels, "backendTLS");
  const request = innermost(inner, "requestHeaderModifier");
  const response = innermost(inner, "responseHeaderModifier");
  const label = "ai" in backend ? backend.ai.name : undefined;
  const common = {
    weight: backend.weight,
    tls: tls && context.tlsFiles.read(tls),
    requestHeaders: request ? [request] : [],
    responseHeaders: response ? [response] : [],
    credential: auth && context.credentials.define(auth, label ?? route.name ?? pathText(route.path)),
  };
  const definition: BackendDefinition =
    "ai" in backend
      ? { ...common, kind: "ai", name: label ?? backend.ai.provider.word, ...translateAi(backend, levels) }
      : { ...common, kind: "host", name: backend.host, host: backend.host };
  if (auth) checkCredential(definition, auth, levels, context);
  return definition;
}

/** The levels at which a backend's policies stand, the innermost first; the last is the route's. */
function levelsOf(backend: AiBackend | HostBackend, route: Route): readonly BackendPolicies[] {
  return [...("ai" in backend ? [backend.ai.policies] : []), backend.policies, route.policies];
}

function innermost<Name extends keyof BackendPolicies>(
  levels: readonly BackendPolicies[],
  name: Name,
): BackendPolicies[Name] | undefined {
  return levels.find((level) => level[name] !== undefined)?.[name];
}

type AiPart = Omit<
  AiBackendDefinition,
  "kind" | "name" | "weight" | "tls" | "requestHeaders" | "responseHeaders" | "credential"
>;

function translateAi({ ai }: AiBackend, levels: readonly BackendPolicies[]): AiPart {
  // The provider's schema has made sure of it.
  const settings = ai.provider.settings as ProviderSettings;
  const policies = levels.flatMap((level) => level.ai ?? []);
  return {
    provider: ai.provider.word,
    model: settings.model,
    hostOverride: ai.hostOverride,
    pathOverride: ai.pathOverride,
    pathPrefix: ai.pathPrefix,
    routes: policies.find(({ routes }) => routes !== undefined)?.routes,
    includeUsage: policies.find(({ includeUsage }) => includeUsage !== undefined)?.includeUsage ?? true,
  };
}

/** `binds[0].listeners[0].routes[0]`. */
function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${part}`))
    .join("");
}
