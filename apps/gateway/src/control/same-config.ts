/** Whether two configs come to the same: then there is nothing to roll out. */
import { isDeepStrictEqual } from "node:util";
import type { Loaded } from "../load/load.ts";

export function isSameConfig(one: Loaded, other: Loaded): boolean {
  // A key that both name has one handle.
  const handles = other.keys.map(({ handle }) => handle);
  return (
    one.keys.length === handles.length &&
    one.keys.every(({ handle }, index) => handle === handles[index]) &&
    isDeepStrictEqual(withoutHandles(one), withoutHandles(other))
  );
}

function withoutHandles({ settings, definition, credentials, keys, notices }: Loaded): unknown {
  return { settings, definition, credentials, notices, places: keys.map(({ id, name, place }) => [id, name, place]) };
}
