/** Where everything lies in the shared table, in words of 32 bits. */
import { CELL_WORDS } from "./cell.ts";

export const MAGIC = 0x6b657931; // "key1"

/** Words of the header. */
export const header = {
  magic: 0,
  slots: 1,
  workers: 2,
  buckets: 3,
  startHigh: 4,
  startLow: 5,
  pinSets: 6,
  pinned: 7,
  words: 16,
} as const;

/** Words of one slot. */
export const slot = {
  /** Counts who has owned the slot, so that a late release of a former owner changes nothing. */
  generation: 0,
  inFlight: 1,
  /** The newest version that was refused, and the newest refused one before it. 0: none. */
  refused: 2,
  refusedBefore: 3,
  /** 1 from a refusal until the recovery was told. */
  isDown: 4,
  suspected: 5,
  probeAt: 6,
  probes: 7,
  overlapTold: 8,
  /** No mark of this slot counts after this tick. */
  marksUntil: 9,
  minute: 10,
  minuteCount: 11,
  minuteBefore: 12,
  failedAt: 13,
  succeededAt: 14,
  /** The newest refused version of a second source, which counts its own below zero; here above. */
  refusedOther: 15,
  key: 16,
  account: 16 + CELL_WORDS,
  /** The suspected version is passed over until this tick. */
  heldUntil: 28,
  /** When an answer last took the key out of service. */
  condemnedAt: 29,
  rule: 32,
  ruleWords: 16,
  words: 48,
} as const;

/** Words of one mark: what is known of a key (or account) and one model. */
export const mark = { tag: 0, tagTwo: 1, slot: 2, cell: 3, text: 3 + CELL_WORDS, textWords: 7, words: 16 } as const;
export const MARKS_A_BUCKET = 8;

/** Words of one pin: which key made a response. `order` counts the pins made before it. */
export const pin = { tag: 0, tagTwo: 1, slot: 2, generation: 3, order: 4, words: 5 } as const;
export const PINS_A_SET = 8;

export interface Layout {
  readonly slots: number;
  readonly workers: number;
  /** A power of two. */
  readonly buckets: number;
  readonly columns: number;
  readonly marks: number;
  readonly pins: number;
  /** A power of two. */
  readonly pinSets: number;
  readonly words: number;
}

export function layoutOf(slots: number, workers: number, buckets: number, pinSets: number): Layout {
  const columns = header.words + slots * slot.words;
  const marks = columns + slots * workers;
  const pins = marks + buckets * MARKS_A_BUCKET * mark.words;
  return { slots, workers, buckets, columns, marks, pins, pinSets, words: pins + pinSets * PINS_A_SET * pin.words };
}

export function slotAt(index: number): number {
  return header.words + index * slot.words;
}
