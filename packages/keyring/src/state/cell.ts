/** A cell: until when something rests, why, and who tries first when it comes back. Six words of shared memory. */

/** Why a cell rests. */
export const kinds = { none: 0, limited: 1, outOfMoney: 2, notAllowed: 3, exhausted: 4 } as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

/** Times are ticks: tenths of a second since the table was made. */
export const TICK_MS = 100;
export const CELL_WORDS = 6;
const UNTIL = 0;
const SET_AT = 1;
const KIND = 2;
const TRIAL = 3;
const STRIKES = 4;
const VERSION = 5;

/** After a rest one request tries first, for so long; a trial is taken for lost after half a minute. */
const RETURNING_TICKS = 600;
const TRIAL_TICKS = 300;
/** So long after a rest, the next one starts from the shortest wait again. */
const FORGET_TICKS = 6_000;
/** Clocks of threads differ by less; a clock that is further back has been set back. */
const CLOCK_SLACK_TICKS = 20;
const MOST_STRIKES = 16;

/**
 * Ticks that it still rests; 0: it does not. A cell that was set for an older version of the key counts no more; version 0
 * asks whatever the version.
 */
export function restOf(words: Int32Array, cell: number, now: number, version: number): number {
  // A plain read, as KeyState.peek: nearly always there is nothing more to read.
  const until = words[cell + UNTIL] ?? 0;
  if (until === 0 || until <= now) return 0;
  if (version > Atomics.load(words, cell + VERSION)) return 0;
  const setAt = Atomics.load(words, cell + SET_AT);
  if (now >= setAt - CLOCK_SLACK_TICKS) return until - now;
  // The clock was set back: rest as long as was meant, not until the old clock's time comes round.
  const again = now + (until - setAt);
  if (Atomics.compareExchange(words, cell + UNTIL, until, again) === until) Atomics.store(words, cell + SET_AT, now);
  return until - setAt;
}

export function kindOf(words: Int32Array, cell: number): number {
  return Atomics.load(words, cell + KIND);
}

/** It has rested a moment ago and nobody has succeeded since. */
export function isReturning(words: Int32Array, cell: number, now: number, version: number): boolean {
  const until = words[cell + UNTIL] ?? 0;
  if (until === 0 || until > now || now - until > RETURNING_TICKS) return false;
  return version <= Atomics.load(words, cell + VERSION);
}

/** The mark by which a trial is given back; 0: somebody else is trying. */
export function claimTrial(words: Int32Array, cell: number, now: number): number {
  const held = Atomics.load(words, cell + TRIAL);
  if (held > now && held <= now + TRIAL_TICKS) return 0;
  const mine = now + TRIAL_TICKS;
  return Atomics.compareExchange(words, cell + TRIAL, held, mine) === held ? mine : 0;
}

export function releaseTrial(words: Int32Array, cell: number, mine: number): void {
  Atomics.compareExchange(words, cell + TRIAL, mine, 0);
}

/**
 * Rests until the later of two deadlines. What was refused outweighs what is only about to be (`exhausted`), whichever ends
 * first. `version` 0: whatever version the key has by then.
 */
export function rest(words: Int32Array, cell: number, now: number, ticks: number, kind: Kind, version: number): void {
  // Makes good a clock that was set back, so that the deadline below is compared in today's time.
  restOf(words, cell, now, 0);
  for (;;) {
    const before = Atomics.load(words, cell + UNTIL);
    const isOn = before > now && version <= Atomics.load(words, cell + VERSION);
    const hardens = kindOf(words, cell) === kinds.exhausted && kind !== kinds.exhausted;
    const until = isOn ? Math.max(before, now + ticks) : now + ticks;
    if (isOn && !hardens && (until === before || kind === kinds.exhausted)) return;
    if (Atomics.compareExchange(words, cell + UNTIL, before, until) !== before) continue;
    Atomics.store(words, cell + SET_AT, now);
    Atomics.store(words, cell + KIND, kind);
    const known = isOn ? Atomics.load(words, cell + VERSION) : 0;
    Atomics.store(words, cell + VERSION, version === 0 ? ANY_VERSION : Math.max(version, known));
    Atomics.store(words, cell + TRIAL, 0);
    if (before === 0 || now - before > FORGET_TICKS) Atomics.store(words, cell + STRIKES, 1);
    // Only the first of many answers to one rush counts.
    else if (before <= now) Atomics.add(words, cell + STRIKES, 1);
    return;
  }
}

/** How often in a row it has rested without a success between. */
export function strikesOf(words: Int32Array, cell: number, now: number): number {
  const until = Atomics.load(words, cell + UNTIL);
  if (until === 0 || now - until > FORGET_TICKS) return 0;
  // While it rests, an answer to the same rush is measured as the first was.
  const strikes = Atomics.load(words, cell + STRIKES) - (until > now ? 1 : 0);
  return Math.min(Math.max(strikes, 0), MOST_STRIKES);
}

/** A success ends a rest that was over when its request began; any other was set by a later answer. */
export function settle(words: Int32Array, cell: number, began: number): void {
  const until = words[cell + UNTIL] ?? 0;
  if (until === 0 || until > began) return;
  if (Atomics.compareExchange(words, cell + UNTIL, until, 0) === until) clear(words, cell);
}

export function clear(words: Int32Array, cell: number): void {
  for (let word = 0; word < CELL_WORDS; word++) Atomics.store(words, cell + word, 0);
}

const ANY_VERSION = 2 ** 31 - 1;
