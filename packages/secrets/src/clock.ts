/** Time that comes in by argument: the system's, and what to do with a clock that only tells it. */
import type { Clock } from "./contract.ts";

// A longer delay makes setTimeout fire at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Required<Clock> = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_DELAY_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Calls back once after a time, by the clock's own timer or the system's. Returns what cancels it. */
export function after(clock: Clock, delayMs: number, callback: () => void): () => void {
  return clock.after === undefined ? systemClock.after(delayMs, callback) : clock.after(delayMs, callback);
}

/** The process lives on until this is called back, as for any other I/O that somebody awaits. */
export function keepAlive(): () => void {
  const timer = setTimeout(() => undefined, LONGEST_DELAY_MS);
  return () => clearTimeout(timer);
}
