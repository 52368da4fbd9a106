/** Keys on their way from the main thread to the threads that serve. One of the three files that reveal a secret. */
import { resealVersion, type RevealedVersion, type Secret, type SecretVersion } from "@keybearer/secrets";

/** A version laid open for `postMessage`, and for nothing else: it must not be kept, logged or put into an error. */
export type OpenVersion = RevealedVersion;

/** In the main thread. */
export function openForChannel(version: SecretVersion): OpenVersion {
  const { id, secret, obtainedAt, writtenAt, expiresAt, parts } = version;
  return {
    id,
    ...reveal(secret),
    obtainedAt,
    writtenAt,
    expiresAt,
    parts: parts && Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, reveal(part)])),
  };
}

/** In the thread that serves. */
export function sealFromChannel(open: OpenVersion): SecretVersion {
  return resealVersion(open);
}

function reveal(secret: Secret): { value: string; fingerprint: string } {
  return { value: secret.reveal(), fingerprint: secret.fingerprint };
}
