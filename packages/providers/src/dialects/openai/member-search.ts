/** Finds the values of one member in bytes that pass, JSON or events alike, split anywhere. */
import { GrowingBuffer } from "./growing-buffer.ts";

/** Longer values are passed by unread. */
const valueLimitBytes = 8192;

/**
 * Reports each value of the member that begins with `opener`: an object (`{`) or a string (`"`).
 * Within valid JSON it cannot be fooled: a quote inside a string is preceded by a backslash, and a string that only
 * equals the name is followed by no colon. One native search for each chunk, nothing allocated while nothing is found.
 */
export class MemberSearch {
  readonly #key: Buffer;
  readonly #opener: number;
  readonly #found: (value: unknown) => void;
  #state: "key" | "colon" | "value" | "inside" = "key";
  /** How much of the key stood at the end of the last chunk. */
  #matched = 0;
  #lastByte = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  readonly #captured = new GrowingBuffer();
  #isTooLong = false;

  constructor(name: string, opener: "{" | '"', found: (value: unknown) => void) {
    this.#key = Buffer.from(JSON.stringify(name));
    this.#opener = opener.charCodeAt(0);
    this.#found = found;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "key") at = this.#findKey(chunk, at);
      else if (this.#state === "inside") at = this.#capture(chunk, at);
      else at = this.#expectValue(chunk, at);
    }
    if (chunk.length > 0) this.#lastByte = chunk[chunk.length - 1] ?? 0;
  }

  #findKey(chunk: Buffer, from: number): number {
    if (this.#matched > 0) return this.#continueKey(chunk, from);
    const at = chunk.indexOf(this.#key, from);
    if (at === -1) {
      this.#matched = this.#keyAtEnd(chunk, from);
      return chunk.length;
    }
    if (this.#byteBefore(chunk, at) === BACKSLASH) return at + 1;
    this.#state = "colon";
    return at + this.#key.length;
  }

  #continueKey(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && this.#matched < this.#key.length) {
      if (chunk[at] !== this.#key[this.#matched]) {
        // Only the first and the last byte of the key are quotes, so nothing that was matched can begin another.
        this.#matched = 0;
        return at;
      }
      this.#matched++;
      at++;
    }
    if (this.#matched === this.#key.length) {
      this.#matched = 0;
      this.#state = "colon";
    }
    return at;
  }

  /** The length of the key's beginning with which the chunk ends. */
  #keyAtEnd(chunk: Buffer, from: number): number {
    for (let at = Math.max(from, chunk.length - this.#key.length + 1); at < chunk.length; at++) {
      if (chunk[at] !== QUOTE || this.#byteBefore(chunk, at) === BACKSLASH) continue;
      if (chunk.compare(this.#key, 0, chunk.length - at, at) === 0) return chunk.length - at;
    }
    return 0;
  }

  #byteBefore(chunk: Buffer, at: number): number {
    return at === 0 ? this.#lastByte : (chunk[at - 1] ?? 0);
  }

  #expectValue(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      if (this.#state === "colon" && byte === COLON) {
        this.#state = "value";
        continue;
      }
      if (this.#state === "value" && byte === this.#opener) {
        this.#state = "inside";
        this.#depth = 0;
        this.#inString = false;
      } else this.#state = "key";
      return at;
    }
    return chunk.length;
  }

  /** From the opener on, to the byte that closes the value. */
  #capture(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (!this.#closes(chunk[at] ?? 0)) continue;
      this.#keep(chunk.subarray(from, at + 1));
      this.#report();
      return at + 1;
    }
    this.#keep(chunk.subarray(from));
    return chunk.length;
  }

  #closes(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return !this.#inString && this.#depth === 0;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === BRACE_OPEN) this.#depth++;
    else if (byte === BRACE_CLOSE) this.#depth--;
    return byte === BRACE_CLOSE && this.#depth === 0;
  }

  #keep(bytes: Buffer): void {
    this.#isTooLong ||= this.#captured.length + bytes.length > valueLimitBytes;
    if (!this.#isTooLong) this.#captured.append(bytes);
  }

  #report(): void {
    const text = this.#captured.take().toString();
    const isWhole = !this.#isTooLong;
    this.#isTooLong = false;
    this.#state = "key";
    if (isWhole) this.#found(parse(text));
  }
}

/** Undefined for what looked like the member and was none: an answer that is no JSON has nothing to tell. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
