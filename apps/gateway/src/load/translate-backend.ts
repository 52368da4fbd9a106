/** A route's backend, made into what the data plane is told of it: every level of policy resolved. */
import type { AiBackend, AiGroupsBackend, Backend, BackendPolicies, HostBackend, Path, Route } from "@keybearer/config";
import type {
  AiBackend as AiBackendDefinition,
  BackendDefinition,
  BackendGroups,
  HostBackend as HostBackendDefinition,
} from "@keybearer/proxy";
import type { ProviderSettings } from "@keybearer/providers";
import { checkCredential } from "./credential-rules.ts";
import type { TranslationContext } from "./translate.ts";

export function translateBackend(
  backend: Backend,
  route: Route,
  context: TranslationContext,
): BackendDefinition | BackendGroups {
  if ("groups" in backend) return translateGroups(backend, route, context);
  return "ai" in backend ? translateAi(backend, route, context) : translateHost(backend, route, context);
}

function translateGroups(
  { path, weight, policies, groups }: AiGroupsBackend,
  route: Route,
  context: TranslationContext,
): BackendGroups {
  return {
    kind: "groups",
    id: pathText(path),
    weight,
    groups: groups.map((members) => members.map((ai) => translateAi({ path, weight, policies, ai }, route, context))),
  };
}

function translateAi({ ai, ...backend }: AiBackend, route: Route, context: TranslationContext): AiBackendDefinition {
  const levels = [ai.policies, backend.policies, route.policies];
  // The provider's schema has made sure of it.
  const settings = ai.provider.settings as ProviderSettings;
  const policies = levels.flatMap((level) => level.ai ?? []);
  const definition: AiBackendDefinition = {
    ...commonOf(backend, levels, ai.name ?? nameOf(route), context),
    kind: "ai",
    name: ai.name ?? ai.provider.word,
    provider: ai.provider.word,
    model: settings.model,
    hostOverride: ai.hostOverride,
    pathOverride: ai.pathOverride,
    pathPrefix: ai.pathPrefix,
    routes: policies.find(({ routes }) => routes !== undefined)?.routes,
    includeUsage: policies.find(({ includeUsage }) => includeUsage !== undefined)?.includeUsage ?? true,
  };
  return checked(definition, levels, context);
}

function translateHost(backend: HostBackend, route: Route, context: TranslationContext): HostBackendDefinition {
  const levels = [backend.policies, route.policies];
  const { host } = backend;
  const common = commonOf(backend, levels, nameOf(route), context);
  return checked({ ...common, kind: "host", name: host, host }, levels, context);
}

type Common = Pick<BackendDefinition, "weight" | "tls" | "requestHeaders" | "responseHeaders" | "credential">;

/** `levels`: those at which its policies stand, the innermost first; the last is the route's. `name`: for its keys. */
function commonOf(
  { weight }: Pick<Backend, "weight">,
  levels: readonly BackendPolicies[],
  name: string,
  { tlsFiles, credentials }: TranslationContext,
): Common {
  const inner = levels.slice(0, -1);
  const auth = innermost(levels, "backendAuth");
  const tls = innermost(levels, "backendTLS");
  const request = innermost(inner, "requestHeaderModifier");
  const response = innermost(inner, "responseHeaderModifier");
  return {
    weight,
    tls: tls && tlsFiles.backend(tls),
    requestHeaders: request ? [request] : [],
    responseHeaders: response ? [response] : [],
    credential: auth && credentials.define(auth, name),
  };
}

function checked<Definition extends BackendDefinition>(
  definition: Definition,
  levels: readonly BackendPolicies[],
  context: TranslationContext,
): Definition {
  const auth = innermost(levels, "backendAuth");
  if (auth) checkCredential(definition, auth, levels, context);
  return definition;
}

function innermost<Name extends keyof BackendPolicies>(
  levels: readonly BackendPolicies[],
  name: Name,
): BackendPolicies[Name] | undefined {
  return levels.find((level) => level[name] !== undefined)?.[name];
}

function nameOf({ name, path }: Route): string {
  return name ?? pathText(path);
}

/** `binds[0].listeners[0].routes[0]`. */
function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${part}`))
    .join("");
}
