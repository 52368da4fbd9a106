/** How many keys of a ring answers alone may take out of service in a minute: where all look dead at once, the provider errs. */
import type { Entry } from "./entry.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";

const MINUTE_TICKS = 600;
/** Clocks of threads differ by less. */
const CLOCK_SLACK_TICKS = 20;

export class QuarantineShare {
  readonly #state: KeyState;
  readonly #inService: readonly Entry[];
  readonly #most: number;

  constructor(entries: readonly Entry[], state: KeyState) {
    this.#state = state;
    this.#inService = entries.filter(({ weight }) => weight > 0);
    // Where nothing else could serve, to hold a key back would only make the end less honest.
    this.#most = this.#inService.length > 1 ? Math.floor(this.#inService.length / 2) : Infinity;
  }

  /** True: this key may go. A key counts once, however many of its versions were refused. */
  claim(entry: Entry, now: number): boolean {
    const before = this.#state.load(entry.slot, slot.condemnedAt);
    if (isRecent(before, now)) return true;
    if (this.#count(now) >= this.#most) return false;
    if (!this.#state.swap(entry.slot, slot.condemnedAt, before, now)) return true;
    // Counted once more, for threads that ask at the same moment all find room. Then none of them has it.
    if (this.#count(now) <= this.#most) return true;
    this.#state.swap(entry.slot, slot.condemnedAt, now, before);
    return false;
  }

  #count(now: number): number {
    let count = 0;
    for (const { slot: index } of this.#inService) {
      if (isRecent(this.#state.load(index, slot.condemnedAt), now)) count++;
    }
    return count;
  }
}

function isRecent(at: number, now: number): boolean {
  return at !== 0 && now - at < MINUTE_TICKS && at - now < CLOCK_SLACK_TICKS;
}
