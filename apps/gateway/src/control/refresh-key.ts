/** An operator's word that a key is to be read again, now. */
import type { Keyring } from "@keybearer/keyring";
import { SecretError } from "@keybearer/secrets";
import type { Loaded } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import type { RefreshedKey } from "./admin.ts";

/** Undefined: there is no key of ours with that name. */
export async function refreshKey(
  { keys }: Loaded,
  rings: ReadonlyMap<string, Keyring>,
  name: string,
): Promise<RefreshedKey | undefined> {
  const handle = keys.find((key) => key.name === name)?.handle;
  if (!handle) return undefined;
  const failure = await handle.refresh().then(
    () => undefined,
    (error: unknown) => (SecretError.is(error) ? error.code : "SECRET_UNAVAILABLE"),
  );
  for (const ring of rings.values()) ring.forgive(name);
  const version = versionNow(handle);
  return { name, version: version?.id, fingerprint: version?.secret.fingerprint, failure };
}
