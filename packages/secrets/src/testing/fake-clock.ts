/** A clock that stands still until a test moves it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../contract.ts";
import { durationMs, type Duration } from "../duration.ts";

export interface FakeClock extends Required<Clock> {
  /** Moves on, calls back whatever falls due in order, and lets what it starts run until it waits for real I/O. */
  advance(duration: Duration): Promise<void>;
}

/** Starts at `startMs`, milliseconds since the epoch. */
export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const nextUntil = (end: number) =>
    [...timers].filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at)[0];

  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(duration) {
      const end = now + durationMs(duration);
      // What the test has just started may be about to set a timer.
      await nextTurn();
      for (let timer = nextUntil(end); timer !== undefined; timer = nextUntil(end)) {
        timers.delete(timer);
        now = timer.at;
        timer.callback();
        await nextTurn();
      }
      now = end;
      await nextTurn();
    },
  };
}
