/** A backend, compiled: everything about where a request goes and what it carries that can be decided at load. */
import {
  placementAt,
  headerPlacement,
  type Location,
  type Placement,
  type Provider,
  type RouteType,
} from "@keybearer/providers";
import type { Endpoints } from "@keybearer/keyring";
import type { Credential } from "@keybearer/secrets";
import { secureContextError } from "./upstream-tls.ts";
import type { AiBackend, BackendDefinition, HeaderModifier, RoutePolicies } from "./definition.ts";
import { DefinitionError } from "./errors.ts";
import { isPrivateHost, originOf, type Origin } from "./origin.ts";
import { compileModifiers, type HeaderEdit } from "./policies/header-modifier.ts";
import type { Dispatchers, UpstreamDispatcher } from "./upstreams.ts";

export interface Backend {
  readonly definition: BackendDefinition;
  readonly origin: Origin;
  readonly dispatcher: UpstreamDispatcher;
  /** Undefined: a plain reverse proxy. */
  readonly ai: CompiledAi | undefined;
  readonly credentials: readonly PlacedCredential[];
  /** Lower-case names of the client's headers that never reach this backend, beside the hop-by-hop ones. */
  readonly dropHeaders: ReadonlySet<string>;
  /** Names of the client's query parameters that never reach this backend. */
  readonly dropQuery: ReadonlySet<string>;
  /** Whether the answer names the key. */
  readonly tellsKey: boolean;
  readonly editRequest: HeaderEdit | undefined;
  readonly editResponse: HeaderEdit | undefined;
}

export interface CompiledAi {
  readonly definition: AiBackend;
  readonly provider: Provider;
  /** Longest suffix first. */
  readonly routes: readonly (readonly [suffix: string, type: RouteType])[];
  /** `ai.routes["*"]`. */
  readonly otherwise: RouteType | undefined;
}

export interface PlacedCredential {
  readonly credential: Credential;
  readonly placement: Placement;
}

export interface CompileContext {
  readonly providers: ReadonlyMap<string, Provider>;
  /** Undefined: there is none of that id. */
  readonly credential: (id: string) => Credential | undefined;
  /** Undefined: there are none of that id. */
  readonly endpoints: (id: string) => Endpoints | undefined;
  readonly upstreams: Dispatchers;
  readonly tellsKey: boolean;
}

// What a client may hold for the gateway, and what would choose the account that pays.
const CREDENTIAL_HEADERS = [
  "authorization",
  "proxy-authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "openai-organization",
  "openai-project",
  "cookie",
];

/** Throws DefinitionError. */
export function compileBackend(
  definition: BackendDefinition,
  policies: RoutePolicies,
  context: CompileContext,
): Backend {
  const ai = definition.kind === "ai" ? compileAi(definition, context) : undefined;
  const origin = originOf(definition, ai?.provider.origin);
  const keyed = definition.credential !== undefined;
  const credentials = compileCredentials(definition, ai?.provider, context);
  if (keyed) refuseUnsafe(definition, origin, credentials, [policies.requestHeaders, ...definition.requestHeaders]);
  const tlsError = definition.tls && secureContextError(definition.tls);
  if (tlsError)
    throw new DefinitionError("INVALID_TLS", `backend ${definition.name}: ${tlsError.message}`, { cause: tlsError });
  const guarded = keyed || ai !== undefined;
  const callers = [policies.apiKey?.location, ...(definition.credential?.entries ?? []).map(({ from }) => from)];
  const dropHeaders = new Set(guarded ? [...CREDENTIAL_HEADERS, ...callers.flatMap(headerOf)] : []);
  if (ai) dropHeaders.add("accept-encoding");
  return {
    definition,
    origin,
    dispatcher: context.upstreams.dispatcher(origin, definition.tls),
    tellsKey: context.tellsKey,
    ai,
    credentials,
    dropHeaders,
    dropQuery: new Set([...(guarded ? ["key"] : []), ...callers.flatMap(queryOf)]),
    editRequest: compileModifiers([policies.requestHeaders, ...definition.requestHeaders]),
    editResponse: compileModifiers([policies.responseHeaders, ...definition.responseHeaders]),
  };
}

function compileAi(definition: AiBackend, { providers }: CompileContext): CompiledAi {
  const provider = providers.get(definition.provider);
  if (!provider)
    throw new DefinitionError("UNKNOWN_PROVIDER", `backend ${definition.name}: no provider ${definition.provider}`);
  const { "*": otherwise, ...named } = definition.routes ?? {};
  const routes = Object.entries(named).toSorted(([a], [b]) => b.length - a.length);
  return { definition, provider, routes, otherwise };
}

function compileCredentials(
  { name, credential }: BackendDefinition,
  provider: Provider | undefined,
  context: CompileContext,
): readonly PlacedCredential[] {
  return (credential?.entries ?? []).map(({ id, location }) => {
    const source = context.credential(id);
    if (!source) throw new DefinitionError("UNKNOWN_CREDENTIAL", `backend ${name}: no credential ${id}`);
    const placement = location ? placementAt(location) : (provider?.placement ?? headerPlacement("authorization"));
    return { credential: source, placement };
  });
}

function refuseUnsafe(
  { name, credential }: BackendDefinition,
  origin: Origin,
  credentials: readonly PlacedCredential[],
  modifiers: readonly (HeaderModifier | undefined)[],
): void {
  if (isCleartext(origin) && credential?.allowCleartext !== true) {
    throw new DefinitionError(
      "KEY_IN_CLEARTEXT",
      `backend ${name}: the key would go to ${origin.endpoint} in clear text`,
    );
  }
  const placed = new Set(credentials.flatMap(({ placement }) => placement.header ?? []));
  const touched = modifiers
    .flatMap((modifier) => (modifier ? namesIn(modifier) : []))
    .find((header) => placed.has(header));
  if (touched !== undefined) {
    throw new DefinitionError(
      "MODIFIER_ON_CREDENTIAL",
      `backend ${name}: a header modifier touches ${touched}, where the key is placed`,
    );
  }
}

/** Whether what is sent there can be read on the way. */
export function isCleartext(origin: Origin): boolean {
  return origin.protocol === "http:" && !isPrivateHost(origin.hostname);
}

/** Lower-case names of the headers that a modifier touches. */
export function namesIn({ add, set, remove }: HeaderModifier): string[] {
  return [...add, ...set].map(([name]) => name.toLowerCase()).concat(remove.map((name) => name.toLowerCase()));
}

function headerOf(location: Location | undefined): string[] {
  return location && "header" in location ? [location.header.name.toLowerCase()] : [];
}

function queryOf(location: Location | undefined): string[] {
  return location && "queryParameter" in location ? [location.queryParameter.name] : [];
}
