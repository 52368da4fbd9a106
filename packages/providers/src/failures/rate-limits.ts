/** What an answer's headers say about how much is left, so that a key is spared before it is refused. */
import type { HeaderList } from "../headers.ts";
import { readResets, type Reset } from "./waits.ts";

export interface RateLimits {
  readonly limits: readonly Reset[];
  /** Milliseconds for which nothing remains of some limit; undefined: something remains of all. At most a day. */
  readonly exhaustedMs: number | undefined;
}

/** From a day on, a header is no more believed: the key is tried once a day at least. */
const longestMs = 86_400_000;

/** Empty for an answer without such headers. Never throws. */
export function readRateLimits(headers: HeaderList, now: number): RateLimits {
  const limits = readResets(headers, now);
  let exhaustedMs: number | undefined;
  for (const { remaining, resetMs } of limits) {
    if (remaining === undefined || remaining > 0 || resetMs === 0) continue;
    exhaustedMs = Math.min(Math.max(exhaustedMs ?? 0, resetMs), longestMs);
  }
  return limits.length === 0 ? none : { limits, exhaustedMs };
}

const none: RateLimits = Object.freeze({ limits: [], exhaustedMs: undefined });
