/** Policies: what listeners, routes, backends and providers are told to do with requests and answers. */
import type { Path } from "./errors.ts";
import type { BackendAuth, Location } from "./key-config.ts";

/** Policies that stand at route, backend and provider. The innermost level that has one counts. */
export interface BackendPolicies {
  readonly path: Path;
  readonly backendAuth: BackendAuth | undefined;
  readonly backendTLS: BackendTls | undefined;
  readonly requestHeaderModifier: HeaderModifier | undefined;
  readonly responseHeaderModifier: HeaderModifier | undefined;
  /** Merged field by field over the levels. */
  readonly ai: AiPolicy | undefined;
}

export interface RoutePolicies extends BackendPolicies {
  readonly urlRewrite: UrlRewrite | undefined;
  readonly timeout: TimeoutPolicy | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly directResponse: DirectResponse | undefined;
  readonly cors: CorsPolicy | undefined;
  readonly apiKey: ApiKeyPolicy | undefined;
}

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** TLS to callers. `cert`, `key` and `root` are paths of PEM files. */
export interface ListenerTls {
  readonly path: Path;
  readonly cert: string;
  readonly key: string;
  /** Callers must show a certificate that one of these signed. */
  readonly root: string | undefined;
  readonly minVersion: TlsVersion | undefined;
  readonly maxVersion: TlsVersion | undefined;
  /** OpenSSL's names, the preferred first. */
  readonly ciphers: readonly string[] | undefined;
}

/** TLS to the upstream. `cert`, `key` and `root` are paths of PEM files. */
export interface BackendTls {
  readonly path: Path;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly root: string | undefined;
  readonly hostname: string | undefined;
  readonly insecure: boolean;
  readonly insecureHost: boolean;
}

export type HeaderField = readonly [name: string, value: string];

/** Names in lower case. */
export interface HeaderModifier {
  readonly path: Path;
  readonly add: readonly HeaderField[];
  readonly set: readonly HeaderField[];
  readonly remove: readonly string[];
}

export type AiRouteType = "completions" | "responses" | "embeddings" | "models" | "passthrough" | "detect";

export interface AiPolicy {
  readonly path: Path;
  /** Path suffix to call type; `*` for the rest. */
  readonly routes: Readonly<Record<string, AiRouteType>> | undefined;
  /** True by default, once the levels are merged. */
  readonly includeUsage: boolean | undefined;
}

export interface UrlRewrite {
  readonly authority:
    | { readonly full: string }
    | { readonly host: string }
    | { readonly port: number }
    | "auto"
    | "none"
    | undefined;
  readonly path: { readonly full: string } | { readonly prefix: string } | undefined;
}

export interface TimeoutPolicy {
  readonly path: Path;
  readonly requestTimeoutMs: number | undefined;
  readonly backendRequestTimeoutMs: number | undefined;
}

export interface RetryPolicy {
  readonly path: Path;
  /** How often a request is sent again, beside the first time. */
  readonly attempts: number;
  readonly backoffMs: number;
  /** 400 to 599. */
  readonly codes: readonly number[];
}

export interface DirectResponse {
  readonly path: Path;
  readonly status: number;
  readonly body: string;
  readonly headers: readonly HeaderField[];
}

export interface CorsPolicy {
  readonly path: Path;
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeMs: number | undefined;
}

export interface ApiKeyPolicy {
  readonly path: Path;
  readonly mode: "strict" | "optional" | "permissive";
  readonly location: Location;
  readonly keys: readonly ClientKey[];
}

/** A caller's key. The key itself is not kept. */
export interface ClientKey {
  readonly path: Path;
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}
