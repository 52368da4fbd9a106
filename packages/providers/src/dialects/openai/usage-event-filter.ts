/** Takes the extra usage event out of a chat stream, for a client that did not ask for it. */
import type { StreamFilter } from "../../contract.ts";
import { asBuffer } from "./as-buffer.ts";
import { GrowingBuffer } from "./growing-buffer.ts";
import { COLON, LETTER_N } from "./json-bytes.ts";

/** A longer event is let through unread. */
const eventLimitBytes = 1_048_576;

export function usageEventFilter(): StreamFilter {
  return new UsageEventFilter();
}

/**
 * Whole events go on at once and byte for byte; only an event that is not complete yet waits. What goes on does not
 * depend on how the stream is split. A chunk of whole events that need no change comes back as it is, uncopied.
 */
class UsageEventFilter implements StreamFilter {
  readonly #held = new GrowingBuffer();
  /** An event too long to be held is on its way through. */
  #isPassing = false;
  #lineIsEmpty = true;
  #isAfterCr = false;
  #droppedLast = false;

  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = asBuffer(chunk);
    if (this.#isWhole(bytes) && usageAt(bytes, 0) === -1) {
      this.#droppedLast = false;
      return chunk;
    }
    const kept = this.#isWhole(bytes) ? this.#filterWhole(bytes) : this.#filter(bytes);
    if (kept.length === 0) return undefined;
    return kept.length === 1 ? kept[0] : Buffer.concat(kept);
  }

  end(): Uint8Array | undefined {
    const rest = this.#held.take();
    return rest.length === 0 || isUsageEvent(rest) ? undefined : rest;
  }

  /** Nothing goes on from the last chunk, nor into the next: the common case, for which native searches are enough. */
  #isWhole(bytes: Buffer): boolean {
    if (this.#held.length > 0 || this.#isPassing || this.#isAfterCr) return false;
    const { length } = bytes;
    return length > 1 && bytes[length - 1] === LF && bytes[length - 2] === LF;
  }

  /** Looks at no event but those that may hold usage. */
  #filterWhole(bytes: Buffer): Buffer[] {
    if (bytes[0] === LF || bytes.includes(CR)) return this.#filter(bytes);
    const kept: Buffer[] = [];
    let keptFrom = 0;
    for (let at = usageAt(bytes, 0); at !== -1; at = usageAt(bytes, at)) {
      const before = bytes.lastIndexOf("\n\n", at, "latin1");
      const start = before === -1 ? 0 : before + 2;
      at = bytes.indexOf("\n\n", at, "latin1") + 2;
      if (!isUsageEvent(bytes.subarray(start, at))) continue;
      if (start > keptFrom) kept.push(bytes.subarray(keptFrom, start));
      keptFrom = at;
    }
    if (keptFrom < bytes.length) kept.push(bytes.subarray(keptFrom));
    this.#droppedLast = keptFrom === bytes.length;
    return kept;
  }

  #filter(bytes: Buffer): Buffer[] {
    const kept: Buffer[] = [];
    let eventStart = this.#finishLineEnd(bytes);
    let keptFrom = this.#droppedLast ? eventStart : 0;
    const hasCr = this.#isAfterCr || bytes.includes(CR);
    const endFrom = (from: number) => (hasCr ? this.#endOfEvent(bytes, from) : this.#endAfterLf(bytes, from));
    const keepUpTo = (end: number) => {
      if (end > keptFrom) kept.push(bytes.subarray(keptFrom, end));
    };
    for (let end = endFrom(eventStart); end !== -1; end = endFrom(eventStart)) {
      if (this.#held.length > 0) {
        this.#held.append(bytes.subarray(eventStart, end));
        const event = this.#held.take();
        this.#droppedLast = isUsageEvent(event);
        if (!this.#droppedLast) kept.push(event);
        keptFrom = end;
      } else {
        this.#droppedLast = !this.#isPassing && isUsageEvent(bytes.subarray(eventStart, end));
        if (this.#droppedLast) {
          keepUpTo(eventStart);
          keptFrom = end;
        }
      }
      this.#isPassing = false;
      eventStart = end;
    }
    if (this.#isPassing) keepUpTo(bytes.length);
    else {
      keepUpTo(eventStart);
      this.#hold(bytes.subarray(eventStart), kept);
    }
    return kept;
  }

  #hold(rest: Buffer, kept: Buffer[]): void {
    if (rest.length === 0) return;
    this.#held.append(rest);
    if (this.#held.length <= eventLimitBytes) return;
    kept.push(this.#held.take());
    this.#isPassing = true;
  }

  /** A line feed that a carriage return at the end of the last chunk was waiting for belongs to the event before. */
  #finishLineEnd(bytes: Buffer): number {
    if (!this.#isAfterCr || this.#held.length > 0 || this.#isPassing) return 0;
    if (bytes.length === 0) return 0;
    this.#isAfterCr = false;
    return bytes[0] === LF ? 1 : 0;
  }

  /** The place after the blank line that ends the event, -1 if it does not end in these bytes. */
  #endOfEvent(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      const endsCrLf = byte === LF && this.#isAfterCr;
      this.#isAfterCr = byte === CR;
      if (endsCrLf) continue;
      if (byte !== LF && byte !== CR) {
        this.#lineIsEmpty = false;
      } else if (!this.#lineIsEmpty) {
        this.#lineIsEmpty = true;
      } else if (byte === CR && bytes[at + 1] === LF) {
        this.#isAfterCr = false;
        return at + 2;
      } else return at + 1;
    }
    return -1;
  }

  /** The same where every line ends with a line feed alone, as nearly everywhere. */
  #endAfterLf(bytes: Buffer, from: number): number {
    if (from === bytes.length) return -1;
    if (this.#lineIsEmpty && bytes[from] === LF) return from + 1;
    const at = bytes.indexOf("\n\n", from, "latin1");
    this.#lineIsEmpty = at !== -1 || bytes[bytes.length - 1] === LF;
    return at === -1 ? -1 : at + 2;
  }
}

/** `choices` empty and `usage` an object. Azure's first event has no choices either, but no usage. */
function isUsageEvent(event: Buffer): boolean {
  if (event.length > eventLimitBytes || usageAt(event, 0) === -1) return false;
  const text = event.toString();
  const lines = (text.startsWith("\uFEFF") ? text.slice(1) : text).split(/\r\n|\r|\n/);
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
  try {
    const value: unknown = JSON.parse(data.join("\n"));
    if (typeof value !== "object" || value === null || "error" in value) return false;
    const { choices, usage }: Members = value;
    return Array.isArray(choices) && choices.length === 0 && typeof usage === "object" && usage !== null;
  } catch {
    return false;
  }
}

interface Members {
  readonly choices?: unknown;
  readonly usage?: unknown;
}

/** Without its first quote: a native search stops wherever its first byte stands, and quotes stand everywhere. */
const usageName = Buffer.from('usage"');
const noUsage = /^\s*:\s*null/;

/** Where usage may stand, from a place on; -1 where there is none but `null`, which is what every other event says. */
function usageAt(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(usageName, from); at !== -1; at = bytes.indexOf(usageName, at)) {
    at += usageName.length;
    // Mostly there is no space.
    const isNull = bytes[at] === COLON && bytes[at + 1] === LETTER_N;
    if (!isNull && !noUsage.test(bytes.toString("latin1", at, at + 16))) return at;
  }
  return -1;
}

const LF = 0x0a;
const CR = 0x0d;
