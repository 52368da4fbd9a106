/** A bounded set of pins: which key made which response, so that a request which goes on from it reaches the same account. */
import { mix, type Hash } from "../hash.ts";
import { header, pin, PINS_A_SET, type Layout } from "./layout.ts";

/** Tags that are none: free, and being written. Bit 1 is set in every real one. */
const BUSY = 1;
const SET_WORDS = PINS_A_SET * pin.words;

/** A key as pins know it. */
export interface SlotOwner {
  readonly slot: number;
  readonly generation: number;
}

export class Pins {
  readonly #words: Int32Array;
  readonly #layout: Layout;

  constructor(words: Int32Array, layout: Layout) {
    this.#words = words;
    this.#layout = layout;
  }

  /** The one among `owners`, by slot, that made the response; other rings' responses may have the same id. */
  find<Owner extends SlotOwner>(response: Hash, owners: ReadonlyMap<number, Owner>): Owner | undefined {
    const tag = tagOf(response);
    const set = this.#setOf(response);
    for (let at = set; at < set + SET_WORDS; at += pin.words) {
      if (!this.#holds(at, tag, response)) continue;
      const owner = owners.get(Atomics.load(this.#words, at + pin.slot));
      if (owner?.generation === Atomics.load(this.#words, at + pin.generation)) return owner;
    }
    return undefined;
  }

  /** Overwrites the oldest of a few. Where another thread is writing that one, the news is lost: it spares a request, no more. */
  add(response: Hash, { slot, generation }: SlotOwner): void {
    const tag = tagOf(response);
    const at = this.#placeFor(response, tag, slot);
    const before = Atomics.load(this.#words, at + pin.tag);
    // A worker that dies between here and the end costs the table this one place.
    if (before === BUSY || Atomics.compareExchange(this.#words, at + pin.tag, before, BUSY) !== before) return;
    Atomics.store(this.#words, at + pin.tagTwo, response.second);
    Atomics.store(this.#words, at + pin.slot, slot);
    Atomics.store(this.#words, at + pin.generation, generation);
    Atomics.store(this.#words, at + pin.order, Atomics.add(this.#words, header.pinned, 1));
    Atomics.store(this.#words, at + pin.tag, tag);
  }

  /** Its own place if it has one, else the oldest pin's: a free one counts as such. */
  #placeFor(response: Hash, tag: number, slot: number): number {
    const newest = Atomics.load(this.#words, header.pinned);
    const set = this.#setOf(response);
    let oldest = set;
    let oldestAge = -1;
    for (let at = set; at < set + SET_WORDS; at += pin.words) {
      const known = Atomics.load(this.#words, at + pin.tag);
      if (this.#holds(at, tag, response) && Atomics.load(this.#words, at + pin.slot) === slot) return at;
      if (known === BUSY) continue;
      // The count goes round after four billion responses; differences stay right.
      const age = known === 0 ? Infinity : (newest - Atomics.load(this.#words, at + pin.order)) >>> 0;
      if (age > oldestAge) [oldest, oldestAge] = [at, age];
    }
    return oldest;
  }

  #holds(at: number, tag: number, response: Hash): boolean {
    return (
      Atomics.load(this.#words, at + pin.tag) === tag && Atomics.load(this.#words, at + pin.tagTwo) === response.second
    );
  }

  #setOf(response: Hash): number {
    return this.#layout.pins + (mix(response.first) & (this.#layout.pinSets - 1)) * SET_WORDS;
  }
}

function tagOf(response: Hash): number {
  return response.first | 2;
}
