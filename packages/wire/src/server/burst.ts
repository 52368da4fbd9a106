/**
 * Pieces of an answer that come so fast that it is cheaper to take several at once, a millisecond later.
 *
 * One that comes a millisecond or more after the one before it is alone. It never waits for more than what a timer is late:
 * a rest begins with a piece, and is over by the time that another could come alone.
 */
import { performance } from "node:perf_hooks";

/** How long none is taken, and how soon the next one must come to be one of many. Node has no timer that is shorter. */
const REST_MS = 1;
/** So many in a row, and the next are many as well. */
const MANY = 4;

/** One for each connection, used for one answer after the other. */
export class Burst {
  /** Nothing is to be taken from the source now, until `rested`. */
  isResting = false;
  readonly #rested: () => void;
  #lastMs = 0;
  #inARow = 0;

  /** `rested`: the source may go on. */
  constructor(rested: () => void) {
    this.#rested = rested;
  }

  /** A piece has come, or several in one turn of the event loop. */
  came(): void {
    if (this.isResting) return;
    const nowMs = performance.now();
    this.#inARow = nowMs - this.#lastMs < REST_MS ? this.#inARow + 1 : 0;
    this.#lastMs = nowMs;
    if (this.#inARow < MANY) return;
    this.isResting = true;
    restLater(this);
  }

  /** Another answer begins. */
  reset(): void {
    this.isResting = false;
    this.#inARow = 0;
  }

  /** What came meanwhile comes at once: else it was no burst any more. */
  wake(): void {
    if (!this.isResting) return;
    this.isResting = false;
    this.#lastMs = performance.now();
    this.#rested();
  }
}

let resting: Burst[] = [];

/** One timer for all of the thread: whoever comes later rests less. */
function restLater(burst: Burst): void {
  if (resting.push(burst) === 1) setTimeout(wakeAll, REST_MS);
}

function wakeAll(): void {
  const rested = resting;
  resting = [];
  let count = 0;
  try {
    for (const burst of rested) {
      count += 1;
      burst.wake();
    }
  } finally {
    // One source that throws must not leave the others asleep.
    for (const burst of rested.slice(count)) restLater(burst);
  }
}
