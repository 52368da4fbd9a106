import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Rush } from "./rush.ts";

/** A clock of fractions, which fake timers have not. */
let now = 0;
let timers: { readonly due: number; readonly run: () => void }[] = [];

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => timers.push({ due: now + ms, run }));
});
afterEach(() => {
  // What rests is one list for all tests, too.
  advance(10);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function advance(ms: number): void {
  const end = now + ms;
  for (let next = timers.shift(); next; next = timers.shift()) {
    if (next.due > end) {
      timers.unshift(next);
      break;
    }
    now = next.due;
    next.run();
  }
  now = end;
}

/** Lets a piece come after each of these times, in milliseconds, and tells which pieces made the source rest. */
function restsAt(gaps: readonly number[], rush = new Rush(() => undefined)): number[] {
  const rests: number[] = [];
  for (const [index, gap] of gaps.entries()) {
    advance(gap);
    if (rush.isResting) continue;
    rush.came();
    if (rush.isResting) rests.push(index);
  }
  return rests;
}

const every = (ms: number, count: number): number[] => [100, ...Array.from({ length: count - 1 }, () => ms)];

test("a piece each half of a millisecond makes the source rest from the fifth on, for a millisecond each time", () => {
  expect(restsAt(every(0.5, 12))).toEqual([4, 6, 8, 10]);
});

test("a piece each 1, 2 or 20 milliseconds never does, nor do four at once", () => {
  for (const ms of [1, 2, 20]) expect(restsAt(every(ms, 50))).toEqual([]);
  expect(restsAt([...every(0, 4), ...every(0, 4)])).toEqual([]);
});

test("a rush is over once nothing waits behind a rest", () => {
  const rush = new Rush(() => undefined);
  expect(restsAt([...every(0.25, 5), 3, 0.25, 0.25, 0.25], rush)).toEqual([4]);
  expect(restsAt([0.25], rush)).toEqual([0]);
});

test("another answer begins without a rest", () => {
  const rested = vi.fn();
  const rush = new Rush(rested);
  restsAt(every(0.25, 5), rush);
  expect(rush.isResting).toBe(true);
  rush.reset();
  expect(rush.isResting).toBe(false);
  advance(10);
  expect(rested).not.toHaveBeenCalled();
});

test("of whatever comes on however many streams, none rests longer than a millisecond", () => {
  const gap = fc.integer({ min: 0, max: 8 }).map((quarters) => quarters / 4);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), gap), { maxLength: 200 }), (pieces) => {
      const since: (number | undefined)[] = [undefined, undefined, undefined, undefined];
      const rushes = since.map((_, index) => new Rush(() => (since[index] = undefined)));
      for (const [index, ms] of pieces) {
        advance(ms);
        for (const began of since) expect(now - (began ?? now)).toBeLessThanOrEqual(1);
        rushes[index]!.came();
        if (rushes[index]!.isResting) since[index] ??= now;
      }
      advance(1);
      expect(rushes.some(({ isResting }) => isResting)).toBe(false);
    }),
  );
});
