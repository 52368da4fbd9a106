export { parseConfig } from "./parse.ts";
export type { ParsedConfig, ParseOptions } from "./parse.ts";
export { applyEnvironment, environmentVariables } from "./environment.ts";
export { configJsonSchema } from "./json-schema.ts";
export { ConfigSource } from "./source.ts";
export type { PlacedErrorDetails } from "./source.ts";
export { ConfigError, configErrorCodes, ConfigErrors } from "./errors.ts";
export type { ConfigErrorCode, ConfigErrorDetails, Path, Place } from "./errors.ts";
export type { SchemaParts } from "./schema/root.ts";
export type { KeySourceSchema } from "./schema/key.ts";
export type { ProviderSchema } from "./schema/backend.ts";
export type { StandardSchema } from "./schema/standard.ts";
export type { ListenAddress } from "./addresses.ts";
export type {
  AiBackend,
  AiPolicy,
  AiProvider,
  AiRouteType,
  ApiKeyPolicy,
  Backend,
  BackendAuth,
  BackendPolicies,
  BackendTls,
  Bind,
  ClientKey,
  Config,
  CorsPolicy,
  DirectResponse,
  HeaderField,
  HeaderModifier,
  HostBackend,
  KeyReference,
  Listener,
  Location,
  LogFormat,
  LogLevel,
  NamedMatch,
  Passthrough,
  PlacedKey,
  Route,
  RouteMatch,
  RoutePolicies,
  Settings,
  TimeoutPolicy,
  UrlRewrite,
} from "./config.ts";
