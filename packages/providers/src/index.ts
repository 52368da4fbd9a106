/** What of the providers others may use. */
export { BodyError } from "./errors.ts";
export { HeaderList } from "./headers.ts";
export { openAI } from "./openai/index.ts";
export { openAIDialect } from "./dialects/openai/index.ts";
export { isPlainPath } from "./plain-path.ts";
export { cookiePlacement, headerPlacement, placementAt, queryPlacement, recogniseSecret } from "./placement.ts";

export type {
  BodyEdit,
  Call,
  Dialect,
  EditedBody,
  ErrorFacts,
  Operation,
  OutgoingRequest,
  Placement,
  Provider,
  ProviderSettings,
  RouteType,
  StreamFilter,
  Usage,
  UsageScanner,
} from "./contract.ts";
export type { BodyErrorCode } from "./errors.ts";
export type { Location } from "./placement.ts";
export type { KeyOwner } from "./recognise.ts";
