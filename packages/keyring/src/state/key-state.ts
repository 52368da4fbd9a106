/** What all threads know of the keys: one table in shared memory, written with Atomics. */
import type { Clock } from "@keybearer/secrets";
import type { Hash } from "../hash.ts";
import * as cells from "./cell.ts";
import { header, layoutOf, MAGIC, MARKS_A_BUCKET, PINS_A_SET, slot, slotAt, type Layout } from "./layout.ts";
import { Marks } from "./marks.ts";
import { Pins } from "./pins.ts";

export interface KeyStateSize {
  /** Keys and scopes at once; each has a slot. */
  readonly slots: number;
  /** Threads that open the table, the main one included. */
  readonly workers: number;
  /** Pairs of key and model that are remembered at once; by default 2,048. Rounded up to a power of two. */
  readonly marks?: number;
  /** Responses whose key is remembered at once; by default 4,096. Rounded up to a power of two. */
  readonly pins?: number;
  readonly clock: Clock;
}

/** The table's memory, to be handed to every thread. 192 bytes a slot, 64 a mark, 20 a pin. Throws RangeError. */
export function createKeyState(size: KeyStateSize): SharedArrayBuffer {
  const { slots, workers, marks = 2_048, pins = 4_096, clock } = size;
  for (const count of [slots, workers, marks, pins]) {
    if (!Number.isInteger(count) || count < 1 || count > 2 ** 20) throw new RangeError("expected 1 to 1,048,576");
  }
  const buckets = powerOfTwo(marks / MARKS_A_BUCKET);
  const pinSets = powerOfTwo(pins / PINS_A_SET);
  const layout = layoutOf(slots, workers, buckets, pinSets);
  const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  const start = Math.floor(clock.now());
  words[header.slots] = slots;
  words[header.workers] = workers;
  words[header.buckets] = buckets;
  words[header.pinSets] = pinSets;
  words[header.startHigh] = Math.floor(start / 2 ** 32);
  words[header.startLow] = (start % 2 ** 32) | 0;
  Atomics.store(words, header.magic, MAGIC);
  return words.buffer;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}

/** Throws TypeError for memory that is no such table, RangeError for a worker that has no column in it. */
export function openKeyState(buffer: SharedArrayBuffer, workerIndex: number): KeyState {
  const words = new Int32Array(buffer);
  if (Atomics.load(words, header.magic) !== MAGIC) throw new TypeError("expected the memory that createKeyState made");
  const [slots = 0, workers = 0, buckets = 0] = words.subarray(header.slots, header.startHigh);
  if (!(workerIndex >= 0 && workerIndex < workers)) throw new RangeError(`there is no column ${workerIndex}`);
  return new KeyState(words, layoutOf(slots, workers, buckets, words[header.pinSets] ?? 0), workerIndex);
}

/** One thread's view. Slots are given out by whoever makes the keyrings (`assignSlots`); times are in ticks. */
export class KeyState {
  readonly words: Int32Array;
  readonly marks: Marks;
  readonly pins: Pins;
  readonly slots: number;
  readonly #layout: Layout;
  readonly #column: number;
  readonly #startMs: number;

  constructor(words: Int32Array, layout: Layout, workerIndex: number) {
    this.words = words;
    this.slots = layout.slots;
    this.marks = new Marks(words, layout);
    this.pins = new Pins(words, layout);
    this.#layout = layout;
    this.#column = this.#columnOf(workerIndex);
    this.#startMs = (words[header.startHigh] ?? 0) * 2 ** 32 + ((words[header.startLow] ?? 0) >>> 0);
  }

  /** Floors, so that nothing ends early. Six years from the start it stops counting. */
  ticks(ms: number): number {
    return Math.max(Math.min(Math.floor((ms - this.#startMs) / cells.TICK_MS) + FIRST_TICK, LAST_TICK), -LAST_TICK);
  }

  /** Milliseconds since the epoch. */
  epochMs(ticks: number): number {
    return (ticks - FIRST_TICK) * cells.TICK_MS + this.#startMs;
  }

  wordAt(index: number, word: number): number {
    return slotAt(index) + word;
  }

  /**
   * A plain read, fifteen times as fast as an atomic one, for the way of a request. An aligned 32-bit read never tears
   * (ECMA-262, IsNoTearConfiguration); it may be behind another thread by an instant, as any answer is.
   */
  peek(index: number, word: number): number {
    return this.words[slotAt(index) + word] ?? 0;
  }

  load(index: number, word: number): number {
    return Atomics.load(this.words, slotAt(index) + word);
  }

  store(index: number, word: number, value: number): void {
    Atomics.store(this.words, slotAt(index) + word, value);
  }

  /** True if it was `from` and is now `to`: of all threads one is told. */
  swap(index: number, word: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, slotAt(index) + word, from, to) === from;
  }

  /** Never lowers it. True if it was lower. */
  raise(index: number, word: number, to: number): boolean {
    for (;;) {
      const before = this.load(index, word);
      if (before >= to) return false;
      if (this.swap(index, word, before, to)) return true;
    }
  }

  /** Takes a permit, exactly: false when `most` are out. */
  enter(index: number, most: number): boolean {
    const at = slotAt(index) + slot.inFlight;
    const column = this.#column + index;
    for (;;) {
      const before = Atomics.load(this.words, at);
      if (before >= most) return false;
      if (Atomics.compareExchange(this.words, at, before, before + 1) !== before) continue;
      // A thread is ended only between two turns of a loop or calls of a function: these two lines are one.
      Atomics.add(this.words, column, 1);
      return true;
    }
  }

  /** Gives a permit back, unless the slot has a new owner since. */
  leave(index: number, generation: number): void {
    if (this.load(index, slot.generation) !== generation) return;
    const at = slotAt(index) + slot.inFlight;
    const column = this.#column + index;
    // One line, as above: no call between them.
    Atomics.sub(this.words, column, 1);
    Atomics.sub(this.words, at, 1);
  }

  /** Gives back what a worker held when it died. Call it once, after it has ended and before another takes its index. */
  forgetWorker(workerIndex: number): void {
    const column = this.#columnOf(workerIndex);
    for (let index = 0; index < this.#layout.slots; index++) {
      const held = Atomics.exchange(this.words, column + index, 0);
      if (held !== 0) Atomics.sub(this.words, slotAt(index) + slot.inFlight, held);
    }
  }

  /** For a new owner: nothing of the former one is left. Call it when no ring of the former one serves any more. */
  resetSlot(index: number): void {
    Atomics.add(this.words, slotAt(index) + slot.generation, 1);
    for (let word = slot.generation + 1; word < slot.words; word++) this.store(index, word, 0);
    for (let each = 0; each < this.#layout.workers; each++) Atomics.store(this.words, this.#columnOf(each) + index, 0);
    this.marks.forget(index);
  }

  /** A cell for a key (or account) and a model; 0: none. */
  findMark(index: number, model: Hash, now: number): number {
    return this.peek(index, slot.marksUntil) <= now ? 0 : this.marks.find(index, model);
  }

  makeMark(index: number, model: Hash, name: string, now: number, until: number): number {
    const cell = this.marks.findOrMake(index, model, name, now);
    // A while longer than the rest itself: whoever comes back from it goes first and alone.
    if (cell !== 0) this.raise(index, slot.marksUntil, until + MARK_AFTERLIFE_TICKS);
    return cell;
  }

  #columnOf(workerIndex: number): number {
    return this.#layout.columns + workerIndex * this.#layout.slots;
  }
}

const MARK_AFTERLIFE_TICKS = 6_000;
/** 0 means never, so the first tick is not 0. */
const FIRST_TICK = 1;
const LAST_TICK = 2 ** 30;
