/** What a valid config says: agentgateway's names and shape, defaults filled in, durations in milliseconds. Plain data. */
import type { ListenAddress } from "./addresses.ts";
import type { Path } from "./errors.ts";
import type { KeyPolicy, KeyReference } from "./key-config.ts";
import type { BackendPolicies, RoutePolicies, ListenerTls } from "./policy-config.ts";

export interface Config {
  readonly config: Settings;
  /** How a key is kept that says nothing of its own. Merged into each key's `policy` already. */
  readonly secretDefaults: KeyPolicy;
  readonly secretSources: readonly SecretSourceModule[];
  readonly frontendPolicies: FrontendPolicies | undefined;
  readonly binds: readonly Bind[];
}

/** A module that brings key sources. */
export interface SecretSourceModule {
  readonly path: Path;
  /** `./pass.mjs` or `../pass.mjs`, from the config's directory; `/etc/keybearer/pass.mjs`; or `@acme/keybearer-vault`. */
  readonly specifier: string;
}

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";
export type LogFormat = "text" | "json";

export interface Settings {
  readonly adminAddr: ListenAddress | "off";
  readonly statsAddr: ListenAddress | "off";
  readonly readinessAddr: ListenAddress | "off";
  /** Undefined: one a core. */
  readonly workerThreads: number | undefined;
  /** What speaks HTTP/1.1 on both sides: `node` is node:http and undici. */
  readonly engine: "wire" | "node";
  readonly connectionTerminationDeadlineMs: number;
  readonly connectionMinTerminationDeadlineMs: number;
  /** Format undefined: text on a terminal, else json. */
  readonly logging: { readonly level: LogLevel; readonly format: LogFormat | undefined };
  /** Undefined: the published constant. */
  readonly fingerprintKey: string | undefined;
  /** What callers of the admin pages have to show; undefined: nothing. May hold the token itself, as any reference. */
  readonly adminToken: KeyReference | undefined;
  /** Whether an answer names its key, in the header `keybearer-key`. */
  readonly keyHeader: boolean;
  /** How much of requests is kept at once, in the whole process, so that they can be sent again. */
  readonly replayBudgetBytes: number;
  /** For bodies that are read whole; undefined: as the memory of the machine allows. */
  readonly bodyBudgetBytes: number | undefined;
  /** Fewer healthy keys than this in a list are reported. */
  readonly minHealthyKeys: number;
  readonly backend: UpstreamSettings;
}

/** Connections to backends. Numbers are for one backend and one thread. */
export interface UpstreamSettings {
  readonly connectTimeoutMs: number;
  readonly poolIdleTimeoutMs: number;
  /** How many are kept while nothing uses them; undefined: all. */
  readonly poolMaxSize: number | undefined;
  readonly keepAlive: FrontendPolicies["keepAlive"];
  readonly maxConnections: number;
  readonly queueSize: number;
  readonly queueTimeoutMs: number;
  /** Until an answer begins, each time that a provider is asked. */
  readonly headerTimeoutMs: number;
  /** Of silence within an answer. */
  readonly bodyTimeoutMs: number;
  /** Of the status line and headers of an answer. */
  readonly maxHeaderBytes: number;
  readonly resolveIntervalMs: number;
}

/** What clients may ask for; undefined: the data plane's own limit. Numbers are for one thread. */
export interface FrontendPolicies {
  readonly path: Path;
  /** Of a body that is read whole. */
  readonly maxBufferBytes: number | undefined;
  /** Of any body. */
  readonly maxBodyBytes: number | undefined;
  readonly maxConcurrentRequests: number | undefined;
  readonly maxConnectionDurationMs: number | undefined;
  readonly maxHeaders: number | undefined;
  /** Request line and headers. */
  readonly maxHeaderBytes: number | undefined;
  /** Path and query. */
  readonly maxTargetBytes: number | undefined;
  readonly headerTimeoutMs: number | undefined;
  readonly idleTimeoutMs: number | undefined;
  /** Until a request is here with its body. */
  readonly receiveTimeoutMs: number | undefined;
  /** In which some more of a body has to come. */
  readonly bodyTimeoutMs: number | undefined;
  /** In which a client has to take some of its answer. */
  readonly sendTimeoutMs: number | undefined;
  readonly keepAlive:
    | { readonly idleMs: number; readonly intervalMs: number; readonly probes: number }
    | "off"
    | undefined;
  readonly maxConnections: number | undefined;
  readonly maxConnectionsPerClient: number | undefined;
  readonly handshakeTimeoutMs: number | undefined;
}

/** Every `path` says where the thing stands in the config, for `ConfigSource.error()`. */
export interface Bind {
  readonly path: Path;
  readonly port: number;
  /** An IP address without brackets, or `localhost`. */
  readonly address: string | undefined;
  readonly listeners: readonly Listener[];
}

export interface Listener {
  readonly path: Path;
  readonly name: string | undefined;
  /** Lower case; exact, or with a leading `*.`; undefined: every host. */
  readonly hostname: string | undefined;
  readonly protocol: "HTTP" | "HTTPS";
  /** With HTTPS, and only then. */
  readonly tls: ListenerTls | undefined;
  readonly routes: readonly Route[];
}

export interface Route {
  readonly path: Path;
  readonly name: string | undefined;
  /** Lower case; exact, or with a leading `*.`; empty: every host. */
  readonly hostnames: readonly string[];
  /** Never empty. */
  readonly matches: readonly RouteMatch[];
  readonly policies: RoutePolicies;
  readonly backends: readonly Backend[];
}

export interface RouteMatch {
  readonly path: { readonly exact: string } | { readonly pathPrefix: string } | { readonly regex: string };
  readonly method: string | undefined;
  /** Names in lower case. */
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

export interface NamedMatch {
  readonly name: string;
  readonly value: { readonly exact: string } | { readonly regex: string };
}

export type Backend = AiBackend | AiGroupsBackend | HostBackend;

interface BackendCommon {
  readonly path: Path;
  readonly weight: number;
  readonly policies: BackendPolicies;
}

export interface AiBackend extends BackendCommon {
  readonly ai: AiProvider;
}

/** Several providers, each with its name, unique in the backend. */
export interface AiGroupsBackend extends BackendCommon {
  /** The preferred group first; the providers of a group share the requests. Neither is ever empty. */
  readonly groups: readonly (readonly NamedAiProvider[])[];
}

export interface HostBackend extends BackendCommon {
  /** `host:port`, in lower case. */
  readonly host: string;
}

export interface AiProvider {
  readonly path: Path;
  readonly name: string | undefined;
  readonly provider: {
    readonly path: Path;
    /** `openAI`. */
    readonly word: string;
    /** Output of that provider's schema. */
    readonly settings: unknown;
  };
  /** `host:port`, in lower case. */
  readonly hostOverride: string | undefined;
  readonly pathOverride: string | undefined;
  readonly pathPrefix: string | undefined;
  readonly policies: BackendPolicies;
}

export interface NamedAiProvider extends AiProvider {
  readonly name: string;
}
