export { Secret } from "./secret.ts";
export { SecretError } from "./errors.ts";
export type { SecretErrorCode, SecretErrorOptions } from "./errors.ts";

export { openSecret } from "./open.ts";
export type { OpenSecretOptions } from "./open.ts";
export { defineSecretSource } from "./define.ts";
export type { FetchContext, Fetched, SecretSourceDefinition } from "./define.ts";
export type { Duration } from "./duration.ts";
export { handleCredential } from "./credential.ts";
export type { HandleCredentialSettings } from "./credential.ts";

export { createSeal } from "./seal.ts";
export type { Seal, SealSettings } from "./seal.ts";
export { resealVersion } from "./reseal.ts";
export type { RevealedSecret, RevealedVersion } from "./reseal.ts";
export { DEFAULT_FINGERPRINT_KEY } from "./fingerprint.ts";
export { KEY_LIMIT_BYTES } from "./check.ts";

export { staticHandle } from "./static-handle.ts";
export { refreshingHandle } from "./refreshing-handle.ts";
export type { RefreshingHandleSettings } from "./refreshing-handle.ts";
export { Latest } from "./latest.ts";
export type { LatestSettings } from "./latest.ts";
export { after, systemClock } from "./clock.ts";
export { bounded } from "./bounded.ts";
export type { Bounds } from "./bounded.ts";

export type {
  Clock,
  Credential,
  Env,
  Lease,
  Notice,
  Outcome,
  RequestFacts,
  SealOptions,
  SecretHandle,
  SecretSource,
  SecretStatus,
  SecretVersion,
  SourceContext,
} from "./contract.ts";
export type { StandardIssue, StandardResult, StandardSchemaV1 } from "./standard-schema.ts";
