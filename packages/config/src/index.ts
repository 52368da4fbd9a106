export { parseConfig } from "./parse.ts";
export type { ParsedConfig, ParseOptions } from "./parse.ts";
export { readSecretSources } from "./secret-sources.ts";
export type { SecretSourceList } from "./secret-sources.ts";
export type { ReadOptions } from "./read.ts";
export { applyEnvironment, environmentVariables } from "./environment.ts";
export { configJsonSchema } from "./json-schema.ts";
export { ConfigSource } from "./source.ts";
export type { PlacedErrorDetails } from "./source.ts";
export { ConfigError, configErrorCodes, ConfigErrors } from "./errors.ts";
export type { ConfigErrorCode, ConfigErrorDetails, Path, Place } from "./errors.ts";
export type { SchemaParts } from "./schema/root.ts";
export type { KeySourceSchema, SourceParts } from "./schema/reference.ts";
export type { ProviderSchema } from "./schema/ai.ts";
export type { StandardSchema } from "./schema/standard.ts";
export type { ListenAddress } from "./addresses.ts";
export type {
  AiBackend,
  AiGroupsBackend,
  AiProvider,
  Backend,
  Bind,
  Config,
  FrontendPolicies,
  HostBackend,
  Listener,
  LogFormat,
  LogLevel,
  NamedAiProvider,
  NamedMatch,
  Route,
  RouteMatch,
  SecretSourceModule,
  Settings,
  UpstreamSettings,
} from "./config.ts";
export type {
  AiPolicy,
  AiRouteType,
  ApiKeyPolicy,
  BackendPolicies,
  BackendTls,
  ClientKey,
  CorsPolicy,
  DirectResponse,
  HeaderField,
  HeaderModifier,
  ListenerTls,
  RetryPolicy,
  RoutePolicies,
  TimeoutPolicy,
  UrlRewrite,
} from "./policy-config.ts";
export type {
  BackendAuth,
  Credential,
  KeyPolicy,
  KeyPool,
  KeyReference,
  KeyStartup,
  KeyStrategy,
  Location,
  OwnKeys,
  Passthrough,
  PlacedKey,
  PoolKey,
} from "./key-config.ts";
