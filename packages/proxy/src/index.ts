export { createProxy } from "./proxy.ts";
export type { Proxy, ProxyOptions } from "./proxy.ts";
export type { HealingTimeouts } from "./timeouts.ts";
export { compileSnapshot } from "./snapshot.ts";
export type { Snapshot, SnapshotOptions } from "./snapshot.ts";
export { createUpstreams } from "./upstreams.ts";
export type { DispatcherFactory, Upstreams } from "./upstreams.ts";
export type { ListeningServer } from "./node-server.ts";

export { isCleartext, namesIn } from "./backend.ts";
export { secureContextError } from "./upstream-tls.ts";
export { isPrivateHost, originOf } from "./origin.ts";
export type { Origin } from "./origin.ts";
export { secretScrubber } from "./scrub.ts";

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
  MatchDefinition,
  NamedMatch,
  PathMatch,
  RouteDefinition,
  RoutePolicies,
  TimeoutPolicy,
  UpstreamTls,
  UrlRewrite,
} from "./definition.ts";
