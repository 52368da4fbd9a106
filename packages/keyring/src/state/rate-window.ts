/** Requests in the last minute, about: this minute's count and what of the last one still weighs. */
import { slot } from "./layout.ts";
import type { KeyState } from "./key-state.ts";

const MINUTE_TICKS = 600;

/** Ticks until one more fits below `most`; 0: it fits now. Threads that ask at the same moment may each be let in. */
export function rateWait(state: KeyState, index: number, now: number, most: number): number {
  roll(state, index, now);
  const current = state.load(index, slot.minuteCount);
  const before = state.load(index, slot.minuteBefore);
  const gone = elapsed(now);
  if (current + before * (1 - gone / MINUTE_TICKS) + 1 <= most + 1e-9) return 0;
  // Either the last minute's weight sinks far enough within this one, or this one has to pass.
  if (current + 1 <= most) return Math.max(1, Math.ceil(MINUTE_TICKS * (1 - (most - 1 - current) / before)) - gone);
  return MINUTE_TICKS - gone + Math.ceil(MINUTE_TICKS * Math.max(0, 1 - (most - 1) / current));
}

export function countRequest(state: KeyState, index: number, now: number): void {
  roll(state, index, now);
  Atomics.add(state.words, state.wordAt(index, slot.minuteCount), 1);
}

function roll(state: KeyState, index: number, now: number): void {
  const minute = Math.floor(now / MINUTE_TICKS) + 1;
  const before = state.load(index, slot.minute);
  if (before === minute || !state.swap(index, slot.minute, before, minute)) return;
  const count = Atomics.exchange(state.words, state.wordAt(index, slot.minuteCount), 0);
  // A clock that jumped, either way, starts afresh.
  state.store(index, slot.minuteBefore, before === minute - 1 ? count : 0);
}

function elapsed(now: number): number {
  return now - Math.floor(now / MINUTE_TICKS) * MINUTE_TICKS;
}
