/** What a new config changed, told in the log. */
import type { Log } from "@keybearer/telemetry";
import type { Loaded, LoadedKey } from "../load/load.ts";
import { keyView } from "./key-views.ts";

export function logChanges(log: Log, before: Loaded, next: Loaded): void {
  for (const notice of next.notices) if (!before.notices.includes(notice)) log.warn(notice);
  for (const key of keysOnlyIn(next, before)) log.info("a key was added", facts(key));
  for (const key of keysOnlyIn(before, next)) log.info("a key was removed", facts(key));
}

/** Keys of ours that one config has and the other has not. */
function keysOnlyIn({ keys }: Loaded, other: Loaded): LoadedKey[] {
  const held = new Set(other.keys.map(({ handle }) => handle));
  return keys.filter(({ handle }) => handle && !held.has(handle));
}

function facts(key: LoadedKey) {
  const { name, source, fingerprint, place } = keyView(key);
  return { "key.name": name, "key.source": source, "key.fingerprint": fingerprint, place };
}
