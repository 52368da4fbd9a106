/** Asks a key's source whether it has a newer version than one that was refused. */
import type { KeyHandle } from "./settings.ts";

/** `rejected`: the current version's id, if absent. Never rejects: the handle's own status tells why there is none. */
export async function renewKey(handle: KeyHandle, rejected?: number): Promise<boolean> {
  try {
    const old = rejected ?? handle.current().id;
    const version = await handle.refresh?.({ rejected: old });
    return version !== undefined && version.id > old;
  } catch {
    return false;
  }
}
