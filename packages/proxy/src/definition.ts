/** What the data plane is told to do: plain data, cloneable to a thread, made from a config and free of YAML. */
import type { Location, RouteType } from "@keybearer/providers";
import type { FrontendDefinition } from "./limits.ts";

export interface GatewayDefinition {
  /** Answers say in `keybearer-key` whose key served; false by default. */
  readonly keyHeader?: boolean | undefined;
  readonly binds: readonly BindDefinition[];
  /** What clients may ask for; the defaults where it says nothing. */
  readonly frontend?: FrontendDefinition | undefined;
}

export interface BindDefinition {
  /** `bind/3000`: its name in logs and metrics. */
  readonly name: string;
  readonly port: number;
  /** Undefined: every address. */
  readonly address?: string | undefined;
  readonly listeners: readonly ListenerDefinition[];
}

export interface ListenerDefinition {
  readonly name: string;
  /** Exact, or with a leading `*.`; undefined: every host. */
  readonly hostname?: string | undefined;
  /** All listeners of a bind have it, or none: then they speak HTTP in clear text. */
  readonly tls?: ListenerTls | undefined;
  readonly routes: readonly RouteDefinition[];
}

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** HTTPS. Whoever asks for the listener's host is let in, with a certificate that `root` signed if there has to be one. */
export interface ListenerTls {
  /** Names the certificate in the table that is handed in beside the definition. */
  readonly id: string;
  /** Clients must show a certificate. */
  readonly clientCertificates: boolean;
  /** TLSv1.2 by default. */
  readonly minVersion?: TlsVersion | undefined;
  /** TLSv1.3 by default. */
  readonly maxVersion?: TlsVersion | undefined;
  /** OpenSSL's names, the preferred first. */
  readonly ciphers?: readonly string[] | undefined;
}

/** PEM texts, already read. */
export interface TlsMaterial {
  /** The listener's own certificate first, then those between it and the root. */
  readonly cert: string;
  readonly key: string;
  /** Who may sign the clients' certificates. */
  readonly root?: string | undefined;
}

export interface RouteDefinition {
  readonly name: string;
  readonly hostnames: readonly string[];
  readonly matches: readonly MatchDefinition[];
  readonly policies: RoutePolicies;
  readonly backends: readonly (BackendDefinition | BackendGroups)[];
}

/** All conditions of one match hold together; the matches of a route are alternatives. */
export interface MatchDefinition {
  readonly path: PathMatch;
  readonly method?: string | undefined;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

export type PathMatch =
  | { readonly exact: string }
  | { readonly pathPrefix: string }
  /** Must match the whole path; RE2 syntax. */
  | { readonly regex: string };

export interface NamedMatch {
  readonly name: string;
  readonly value: { readonly exact: string } | { readonly regex: string };
}

export interface RoutePolicies {
  readonly cors?: CorsPolicy | undefined;
  readonly apiKey?: ApiKeyPolicy | undefined;
  readonly directResponse?: DirectResponse | undefined;
  readonly urlRewrite?: UrlRewrite | undefined;
  readonly timeout?: TimeoutPolicy | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly requestHeaders?: HeaderModifier | undefined;
  readonly responseHeaders?: HeaderModifier | undefined;
  /** Refuse a browser's call whose Origin no `cors` policy allows: the route carries a key and lets anyone spend it. */
  readonly refuseCrossSite: boolean;
}

export interface CorsPolicy {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds?: number | undefined;
}

export interface ApiKeyPolicy {
  readonly mode: "strict" | "optional" | "permissive";
  readonly location: Location;
  readonly keys: readonly ClientKey[];
}

export interface ClientKey {
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DirectResponse {
  readonly status: number;
  readonly body: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface UrlRewrite {
  readonly authority?:
    | { readonly full: string }
    | { readonly host: string }
    | { readonly port: number }
    | "auto"
    | "none"
    | undefined;
  readonly path?: { readonly full: string } | { readonly prefix: string } | undefined;
}

export interface TimeoutPolicy {
  readonly requestTimeoutMs?: number | undefined;
  readonly backendRequestTimeoutMs?: number | undefined;
}

/** A request whose call fails, or is answered with one of `codes`, is sent again as long as its client has seen nothing. */
export interface RetryPolicy {
  /** How often, beside the first time. */
  readonly attempts: number;
  /** At least so long is waited before each. */
  readonly backoffMs: number;
  /** 400 to 599. */
  readonly codes: readonly number[];
}

export interface HeaderModifier {
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export type BackendDefinition = AiBackend | HostBackend;

/** Backends of which a request gets one that can serve it. */
export interface BackendGroups {
  readonly kind: "groups";
  /** Names them in the table of endpoints that is handed in beside the definition. */
  readonly id: string;
  readonly weight: number;
  /** The preferred first; names are unique among them all, and no group is empty. */
  readonly groups: readonly (readonly AiBackend[])[];
}

interface BackendCommon {
  /** Its name in logs and metrics. */
  readonly name: string;
  readonly weight: number;
  readonly tls?: UpstreamTls | undefined;
  /** In the order in which they apply: the backend's, then the provider's. */
  readonly requestHeaders: readonly HeaderModifier[];
  readonly responseHeaders: readonly HeaderModifier[];
  readonly credential: CredentialDefinition | undefined;
}

export interface AiBackend extends BackendCommon {
  readonly kind: "ai";
  /** The provider's YAML word. */
  readonly provider: string;
  readonly model?: string | undefined;
  /** `host:port`. */
  readonly hostOverride?: string | undefined;
  readonly pathOverride?: string | undefined;
  readonly pathPrefix?: string | undefined;
  /** Path suffix to call type, `*` for the rest; undefined: the dialect's own paths. */
  readonly routes?: Readonly<Record<string, RouteType>> | undefined;
  /** Ask for usage on behalf of a client that streams and did not. */
  readonly includeUsage: boolean;
}

export interface HostBackend extends BackendCommon {
  readonly kind: "host";
  /** `host:port`. */
  readonly host: string;
}

/** Each backend of a route, the members of groups in order of preference. */
export function backendsOf({ backends }: Pick<RouteDefinition, "backends">): readonly BackendDefinition[] {
  return backends.flatMap((each) => (each.kind === "groups" ? each.groups.flat() : [each]));
}

/** What a backend's requests carry: each entry is acquired and placed, all or none. */
export interface CredentialDefinition {
  readonly entries: readonly CredentialEntry[];
  /** The operator knows that the key can be read on the way. */
  readonly allowCleartext?: boolean | undefined;
  /** One of several keys serves, and which one hangs on the model and the conversation: bodies are read for them. */
  readonly choosesByBody?: boolean | undefined;
}

export interface CredentialEntry {
  /** Names a credential in the table that is handed in beside the definition. */
  readonly id: string;
  /** Undefined: where the provider wants it, else `Authorization: Bearer`. */
  readonly location?: Location | undefined;
  /** Where the caller's own token stands, for a credential that is one: it does not go on from there. */
  readonly from?: Location | undefined;
}

/** TLS to the upstream; PEM texts, already read. */
export interface UpstreamTls {
  readonly root?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name that is sent (SNI) and verified, when it is not the host's. */
  readonly hostname?: string | undefined;
  /** Accept any certificate. */
  readonly insecure: boolean;
  /** Accept a certificate for another name. */
  readonly insecureHost: boolean;
}
