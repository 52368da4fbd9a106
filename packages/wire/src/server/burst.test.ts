import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Burst } from "./burst.ts";

/** A clock of fractions, which fake timers have not; its timers may be late. */
let now = 0;
let late = 0;
let timers: { readonly due: number; readonly run: () => void }[] = [];

beforeEach(() => {
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => timers.push({ due: now + ms + late, run }));
});
afterEach(() => {
  // What rests is one list for all tests, too.
  advance(10);
  late = 0;
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
function restsAt(gaps: readonly number[], burst = new Burst(() => undefined)): number[] {
  const rests: number[] = [];
  for (const [index, gap] of gaps.entries()) {
    advance(gap);
    if (burst.isResting) continue;
    burst.came();
    if (burst.isResting) rests.push(index);
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

test("a burst is over once nothing waits behind a rest", () => {
  const burst = new Burst(() => undefined);
  expect(restsAt([...every(0.25, 5), 3, 0.25, 0.25, 0.25], burst)).toEqual([4]);
  expect(restsAt([0.25], burst)).toEqual([0]);
});

test("another answer begins without a rest", () => {
  const rested = vi.fn();
  const burst = new Burst(rested);
  restsAt(every(0.25, 5), burst);
  expect(burst.isResting).toBe(true);
  burst.reset();
  expect(burst.isResting).toBe(false);
  advance(10);
  expect(rested).not.toHaveBeenCalled();
});

test("of whatever comes on however many streams, what comes alone waits for no more than a timer is late", () => {
  const gap = fc.integer({ min: 0, max: 8 }).map((quarters) => quarters / 4);
  const lateness = fc.constantFrom(0, 0.25, 1.5);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), gap), { maxLength: 200 }), lateness, (pieces, lateMs) => {
      late = lateMs;
      const streams = [0, 1, 2, 3].map(() => new Stream());
      for (const [index, ms] of pieces) {
        advance(ms);
        streams[index]!.arrives();
      }
      advance(1 + late);
      expect(streams.some(({ burst }) => burst.isResting)).toBe(false);
      const alone = streams.flatMap(({ arrivals }) => arrivals.filter(({ isAlone }) => isAlone));
      for (const { waitedMs } of alone) expect(waitedMs).toBeLessThanOrEqual(late);
    }),
  );
});

/** Takes nothing while it rests, and all that has come since then afterwards. */
class Stream {
  readonly arrivals: { readonly isAlone: boolean; readonly atMs: number; waitedMs: number }[] = [];
  readonly burst = new Burst(() => this.#take());
  #taken = 0;

  arrives(): void {
    const lastMs = this.arrivals.at(-1)?.atMs ?? -Infinity;
    this.arrivals.push({ isAlone: now - lastMs >= 1, atMs: now, waitedMs: Infinity });
    if (!this.burst.isResting) this.#take();
  }

  #take(): void {
    const taken = this.arrivals.slice(this.#taken);
    this.#taken = this.arrivals.length;
    for (const arrival of taken) arrival.waitedMs = now - arrival.atMs;
    if (taken.length > 0) this.burst.came();
  }
}

test("a source that throws when it is woken leaves no other asleep", () => {
  const woken: string[] = [];
  const bursts = ["a", "b", "c"].map(
    (name) =>
      new Burst(() => {
        woken.push(name);
        if (name === "a") throw new Error("on purpose");
      }),
  );
  for (const burst of bursts) for (let piece = 0; piece < 5; piece++) burst.came();
  expect(bursts.map(({ isResting }) => isResting)).toEqual([true, true, true]);
  expect(() => advance(1)).toThrow("on purpose");
  advance(1);
  expect(woken).toEqual(["a", "b", "c"]);
});
