/** What of the providers others may use. */
export { BodyError } from "./errors.ts";
export { HeaderList } from "./headers.ts";
export { openAI } from "./openai/index.ts";
export { readConversation } from "./dialects/openai/conversation.ts";
export { openAIDialect } from "./dialects/openai/index.ts";
export { classifyFailure, failureStatus, isConfirmed } from "./failures/classify.ts";
export { failureRules } from "./failures/rules/index.ts";
export { readRateLimits } from "./failures/rate-limits.ts";
export { parseWait } from "./failures/waits.ts";
export { isPlainPath } from "./plain-path.ts";
export { cookiePlacement, headerPlacement, placementAt, queryPlacement, recogniseSecret } from "./placement.ts";

export type {
  AnswerScanner,
  BodyEdit,
  Call,
  Certainty,
  Dialect,
  EditedBody,
  ErrorFacts,
  KeyCheck,
  KeyVerdict,
  Operation,
  OutgoingRequest,
  Placement,
  Provider,
  ProviderSettings,
  RouteType,
  StreamFilter,
  StreamOpening,
  StreamVerdict,
  Usage,
  UsageScanner,
} from "./contract.ts";
export type { BodyErrorCode } from "./errors.ts";
export type { BodyConversation } from "./dialects/openai/conversation.ts";
export type { FailedAnswer } from "./failures/classify.ts";
export type { FailureClass, FailureRule, FailureScope, StatusRange } from "./failures/failure.ts";
export type { RateLimits } from "./failures/rate-limits.ts";
export type { Reset } from "./failures/waits.ts";
export type { Location } from "./placement.ts";
export type { KeyOwner } from "./recognise.ts";
