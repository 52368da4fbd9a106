/** The credential of a backend with one key of its own. */
import type { Credential, Lease, SecretHandle } from "./contract.ts";

export interface HandleCredentialSettings {
  /** The key's name in logs and metrics. */
  readonly name: string;
  /** The source's word. */
  readonly source: string;
  /** Whatever always has a current version: a SecretHandle, a Latest. */
  readonly handle: Pick<SecretHandle, "current">;
}

/** Every request gets the handle's current version. `acquire` throws SecretError SECRET_EXPIRED. */
export function handleCredential(settings: HandleCredentialSettings): Credential {
  const { name, source, handle } = settings;
  let lease: Lease | undefined;
  return {
    acquire() {
      const version = handle.current();
      // One lease serves all requests of a version, because nothing is counted here.
      if (lease?.version !== version) lease = { name, source, version, release: () => undefined };
      return lease;
    },
  };
}
