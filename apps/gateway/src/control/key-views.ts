/** The keys of a config, to look at: never a value. */
import type { LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";

export interface KeyView {
  readonly name: string;
  readonly source: string;
  /** Undefined for a passed-through token, which is the caller's, and for a key that could not be read yet. */
  readonly fingerprint: string | undefined;
  /** `config.yaml:13:16`. */
  readonly place: string;
}

export function keyView({ name, source, handle, place }: LoadedKey): KeyView {
  return { name, source, fingerprint: handle && versionNow(handle)?.secret.fingerprint, place };
}
