export { Secret } from "./secret.ts";
export { SecretError } from "./errors.ts";
export type { SecretErrorCode, SecretErrorOptions } from "./errors.ts";

export { openSecret } from "./open.ts";
export type { OpenSecretOptions } from "./open.ts";
export { openKey } from "./open-key.ts";
export type { Key, OpenKeyOptions } from "./open-key.ts";
export type { KeyPlace } from "./opening.ts";
export { DEFAULT_KEY_POLICY } from "./key-policy.ts";
export type { KeyPolicy } from "./key-policy.ts";
export { HandlePool } from "./handle-pool.ts";
export type { HandleLease } from "./handle-pool.ts";
export { handleIdentity } from "./identity.ts";
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
export type { RefreshingHandle, RefreshingHandleSettings } from "./refreshing-handle.ts";
export { Latest } from "./latest.ts";
export type { LatestSettings } from "./latest.ts";
export { after, systemClock } from "./clock.ts";
export { bounded } from "./bounded.ts";
export type { Bounds } from "./bounded.ts";

export type {
  Clock,
  Credential,
  Env,
  Failure,
  Lease,
  Notice,
  Outcome,
  RefreshCounts,
  RequestFacts,
  SecretAge,
  SealOptions,
  SecretHandle,
  SecretSchedule,
  SecretSource,
  SecretStatus,
  SecretVersion,
  SourceContext,
} from "./contract.ts";
export type { StandardIssue, StandardResult, StandardSchemaV1 } from "./standard-schema.ts";
