/** Which slot is whose: a key keeps its slot, and with it its state, over reloads. */

export interface SlotAssignment {
  readonly slots: ReadonlyMap<string, number>;
  /** Slots with a new owner: to be reset (`KeyState.resetSlot`) before the new keyrings serve. */
  readonly fresh: readonly number[];
}

/**
 * Identities that stay keep their slot; those that are gone give theirs up. An identity holds all that makes a key this
 * key (backend, name, source), a scope's holds its provider. Name also those whose last requests are still under way, so
 * that no slot changes hands before its time. Throws RangeError when there are more than `count`.
 */
export function assignSlots(
  before: ReadonlyMap<string, number>,
  identities: Iterable<string>,
  count: number,
): SlotAssignment {
  const wanted = new Set(identities);
  if (wanted.size > count) throw new RangeError(`${wanted.size} keys and scopes do not fit into ${count} slots`);
  const slots = new Map<string, number>();
  for (const identity of wanted) {
    const kept = before.get(identity);
    if (kept !== undefined) slots.set(identity, kept);
  }
  const taken = new Set(slots.values());
  const fresh: number[] = [];
  let next = 0;
  for (const identity of wanted) {
    if (slots.has(identity)) continue;
    while (taken.has(next)) next++;
    slots.set(identity, next);
    taken.add(next);
    fresh.push(next);
  }
  return { slots, fresh };
}
