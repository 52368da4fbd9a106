export { createProxy } from "./proxy.ts";
export type { Proxy, ProxyOptions } from "./proxy.ts";
export type { BudgetShare } from "./byte-budget.ts";
export type { Serving } from "./in-flight.ts";
export type { Engine } from "./engine.ts";
export type { HealingTimeouts } from "./timeouts.ts";
export { compileSnapshot } from "./snapshot.ts";
export type { Snapshot, SnapshotOptions } from "./snapshot.ts";
export { createUpstreams } from "./upstreams.ts";
export type { DispatcherFactory, Dispatchers, UpstreamDispatcher, Upstreams, UpstreamsLease } from "./upstreams.ts";
export { connectionPools } from "./upstream/connection-pools.ts";
export type { ConnectionPoolsOptions } from "./upstream/connection-pools.ts";
export type { UpstreamObserver } from "./upstream/connection-pool.ts";
export type { Dial, DialOptions } from "./upstream/dial.ts";
export type { UpstreamLimits } from "./upstream/limits.ts";
export type { ListeningServer } from "./downstream/server.ts";
export { frontendLimits } from "./limits.ts";
export type { FrontendDefinition, FrontendLimits, LimitName, TcpKeepAlive } from "./limits.ts";

export { isCleartext, namesIn } from "./backend.ts";
export { secureContextError } from "./upstream-tls.ts";
export { listenerTlsError } from "./downstream/listener-tls.ts";
export type { ConnectionTls, TlsSecrets } from "./downstream/listener-tls.ts";
export { isPrivateHost, originOf } from "./origin.ts";
export type { Origin } from "./origin.ts";
export { secretScrubber } from "./scrub.ts";
export type { SecretScrubber } from "./scrub.ts";

export { DefinitionError, ProxyError } from "./errors.ts";
export type { ProxyErrorCode } from "./errors.ts";

export type { AttemptFacts, KeyFacts, LlmFacts, Observer, RequestReason, RequestRecord } from "./observer.ts";
export { backendsOf } from "./definition.ts";
export type {
  AiBackend,
  ApiKeyPolicy,
  BackendDefinition,
  BackendGroups,
  BindDefinition,
  ClientKey,
  CorsPolicy,
  CredentialDefinition,
  CredentialEntry,
  DirectResponse,
  GatewayDefinition,
  HeaderModifier,
  HostBackend,
  ListenerDefinition,
  ListenerTls,
  MatchDefinition,
  NamedMatch,
  PathMatch,
  RetryPolicy,
  RouteDefinition,
  RoutePolicies,
  TimeoutPolicy,
  TlsMaterial,
  TlsVersion,
  UpstreamTls,
  UrlRewrite,
} from "./definition.ts";
