/** A key as the ring holds it: its settings checked and completed, once. */
import { hashText } from "./hash.ts";
import type { KeyHandle, KeyringSettings, KeySettings } from "./settings.ts";
import { slot } from "./state/layout.ts";

export interface Entry {
  /** Its place in the ring. */
  readonly at: number;
  readonly name: string;
  readonly source: string;
  readonly handle: KeyHandle;
  readonly settings: KeySettings;
  readonly slot: number;
  /** Its own slot where it has no scope. */
  readonly scopeSlot: number;
  readonly weight: number;
  readonly seed: number;
  readonly maxConcurrent: number;
  readonly requestsPerMinute: number;
  readonly generation: number;
}

/** Throws TypeError and RangeError for settings that cannot be. */
export function entriesOf({ keys, state }: KeyringSettings): Entry[] {
  const names = new Set(keys.map(({ name }) => name));
  if (names.size !== keys.length) throw new TypeError("two keys of a ring have the same name");
  return keys.map((settings, at) => {
    const { name, source, handle, weight = 1, scope, scopeSlot = settings.slot } = settings;
    if (!(weight >= 0 && weight < Infinity)) throw new RangeError(`${name}: a weight is a number from 0 up`);
    if (scope !== undefined && settings.scopeSlot === undefined) throw new TypeError(`${name}: a scope needs a slot`);
    for (const index of [settings.slot, scopeSlot]) {
      if (!Number.isInteger(index) || index < 0 || index >= state.slots) throw new RangeError(`${name}: no such slot`);
    }
    return {
      at,
      name,
      source,
      handle,
      settings,
      slot: settings.slot,
      scopeSlot,
      weight,
      seed: hashText(name, { first: 0, second: 0 }).first,
      maxConcurrent: limit(settings.maxConcurrent, name),
      requestsPerMinute: limit(settings.requestsPerMinute, name),
      generation: state.load(settings.slot, slot.generation),
    };
  });
}

function limit(value: number | undefined, name: string): number {
  if (value === undefined) return 2 ** 31 - 1;
  if (!(value >= 1)) throw new RangeError(`${name}: a limit is a number from 1 up`);
  return Math.min(Math.floor(value), 2 ** 31 - 1);
}
