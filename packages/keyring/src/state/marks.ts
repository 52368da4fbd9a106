/** A bounded set of marks: what is known of one key, or one account, for one model. */
import { mix, type Hash } from "../hash.ts";
import { clear, kindOf, kinds, restOf } from "./cell.ts";
import { mark, MARKS_A_BUCKET, slot, slotAt, type Layout } from "./layout.ts";
import { readText, writeText } from "./text.ts";

/** A tag that is no tag: free, and being written. Bit 1 is set in every real one. */
const FREE = 0;
const BUSY = 1;
const BUCKET_WORDS = MARKS_A_BUCKET * mark.words;

export interface MarkView {
  readonly model: string;
  readonly kind: number;
  readonly ticks: number;
}

export class Marks {
  readonly #words: Int32Array;
  readonly #layout: Layout;

  constructor(words: Int32Array, layout: Layout) {
    this.#words = words;
    this.#layout = layout;
  }

  /** The cell, or 0 where there is none. */
  find(index: number, model: Hash): number {
    const tag = tagOf(index, model);
    const tagTwo = mix(model.second + index);
    const bucket = this.#bucketOf(tag);
    for (let at = bucket; at < bucket + BUCKET_WORDS; at += mark.words) {
      if (Atomics.load(this.#words, at + mark.tag) !== tag) continue;
      if (Atomics.load(this.#words, at + mark.tagTwo) === tagTwo) return at + mark.cell;
    }
    return 0;
  }

  /** The cell, made where there is none. 0: others are writing all around; the answer's news is lost, and comes again. */
  findOrMake(index: number, model: Hash, name: string, now: number): number {
    const found = this.find(index, model);
    if (found !== 0) return found;
    const tag = tagOf(index, model);
    const at = this.#leastWorth(this.#bucketOf(tag), now);
    const before = Atomics.load(this.#words, at + mark.tag);
    // A worker that dies between here and the end costs the table this one place.
    if (before === BUSY || Atomics.compareExchange(this.#words, at + mark.tag, before, BUSY) !== before) return 0;
    clear(this.#words, at + mark.cell);
    Atomics.store(this.#words, at + mark.tagTwo, mix(model.second + index));
    Atomics.store(this.#words, at + mark.slot, index);
    writeText(this.#words, at + mark.text, mark.textWords, name);
    Atomics.store(this.#words, at + mark.tag, tag);
    return at + mark.cell;
  }

  forget(index: number): void {
    for (const at of this.#all()) {
      if (!this.#isOf(at, index)) continue;
      clear(this.#words, at + mark.cell);
      Atomics.store(this.#words, at + mark.tag, FREE);
    }
    Atomics.store(this.#words, slotAt(index) + slot.marksUntil, 0);
  }

  /** Those that rest now. Walks the whole table: for admin pages. */
  list(index: number, now: number, version: number): MarkView[] {
    const found: MarkView[] = [];
    for (const at of this.#all()) {
      const ticks = this.#isOf(at, index) ? restOf(this.#words, at + mark.cell, now, version) : 0;
      if (ticks === 0) continue;
      const model = readText(this.#words, at + mark.text, mark.textWords);
      found.push({ model, kind: kindOf(this.#words, at + mark.cell), ticks });
    }
    return found;
  }

  /** A free place, else one whose rest is over, else a mark against a model before a limit: callers can make those up. */
  #leastWorth(bucket: number, now: number): number {
    let best = bucket;
    let bestWorth = Infinity;
    for (let at = bucket; at < bucket + BUCKET_WORDS; at += mark.words) {
      const tag = Atomics.load(this.#words, at + mark.tag);
      if (tag === FREE) return at;
      const rests = restOf(this.#words, at + mark.cell, now, 0);
      const isMadeUp = kindOf(this.#words, at + mark.cell) === kinds.notAllowed;
      const worth = tag === BUSY ? Number.MAX_VALUE : rests === 0 ? 0 : rests + (isMadeUp ? 0 : 1e9);
      if (worth < bestWorth) [best, bestWorth] = [at, worth];
    }
    return best;
  }

  #bucketOf(tag: number): number {
    return this.#layout.marks + (mix(tag) & (this.#layout.buckets - 1)) * BUCKET_WORDS;
  }

  #isOf(at: number, index: number): boolean {
    return Atomics.load(this.#words, at + mark.tag) > BUSY || Atomics.load(this.#words, at + mark.tag) < FREE
      ? Atomics.load(this.#words, at + mark.slot) === index
      : false;
  }

  *#all(): IterableIterator<number> {
    for (let at = this.#layout.marks; at < this.#layout.pins; at += mark.words) yield at;
  }
}

function tagOf(index: number, model: Hash): number {
  return mix(model.first ^ Math.imul(index + 1, 0x9e3779b1)) | 2;
}
