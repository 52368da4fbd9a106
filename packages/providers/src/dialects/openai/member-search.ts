/** Finds the values of one member in bytes that pass, JSON or events alike, split anywhere. */
import { GrowingBuffer } from "./growing-buffer.ts";
import { BACKSLASH, BRACE_CLOSE, BRACE_OPEN, COLON, QUOTE, skipSpace } from "./json-bytes.ts";

/** Longer values do not count. */
const VALUE_LIMIT_BYTES = 8192;

export interface Member {
  /** With its quotes. */
  readonly key: Buffer;
  /** Without the first: a native search stops wherever its first byte stands, and quotes stand everywhere. */
  readonly needle: Buffer;
  readonly opener: number;
}

/** A member whose value is an object (`{`) or a string (`"`). To be made once, for all searches. */
export function member(name: string, opener: "{" | '"'): Member {
  return { key: Buffer.from(`"${name}"`), needle: Buffer.from(`${name}"`), opener: opener.charCodeAt(0) };
}

export interface ValueReader {
  /**
   * Reads the value that begins at `start`, with its opener. Returns the place after it; -1: it does not end in these bytes,
   * which are valid during the call, or is no JSON.
   */
  read(bytes: Buffer, start: number): number;
  /** What was read last counts. True: that is enough. */
  keep(): boolean;
}

/**
 * Lets each value of the member be read, until it is enough. Within valid JSON it cannot be fooled: a quote inside a
 * string is preceded by a backslash, and a string that only equals the name is followed by no colon. One native search
 * for each chunk, and nothing allocated or copied but a value that was found.
 */
export class MemberSearch {
  readonly #member: Member;
  readonly #reader: ValueReader;
  #state: "key" | "colon" | "value" | "inside" | "over" = "key";
  /** How much of the key stood at the end of the last chunk. */
  #matched = 0;
  #lastByte = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The beginning of a value that goes on in the next chunk. */
  readonly #captured = new GrowingBuffer();
  #isTooLong = false;

  constructor(searched: Member, reader: ValueReader) {
    this.#member = searched;
    this.#reader = reader;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "key") at = this.#findKey(chunk, at);
      else if (this.#state === "value") at = this.#readValue(chunk, at);
      else if (this.#state === "inside") at = this.#capture(chunk, at);
      else if (this.#state === "over") return;
      else at = this.#expectColon(chunk, at);
    }
    if (chunk.length > 0) this.#lastByte = chunk[chunk.length - 1] ?? 0;
  }

  #findKey(chunk: Buffer, from: number): number {
    if (this.#matched > 0) return this.#continueKey(chunk, from);
    const { needle } = this.#member;
    for (let at = chunk.indexOf(needle, from); at !== -1; at = chunk.indexOf(needle, at + 1)) {
      // What stands before `from` is not the key's: there another value has ended.
      if (at === from || chunk[at - 1] !== QUOTE || this.#byteBefore(chunk, at - 1) === BACKSLASH) continue;
      this.#state = "colon";
      return at + needle.length;
    }
    this.#matched = this.#keyAtEnd(chunk, from);
    return chunk.length;
  }

  #continueKey(chunk: Buffer, from: number): number {
    const { key } = this.#member;
    let at = from;
    while (at < chunk.length && this.#matched < key.length) {
      if (chunk[at] !== key[this.#matched]) {
        // Only the first and the last byte of the key are quotes, so nothing that was matched can begin another.
        this.#matched = 0;
        return at;
      }
      this.#matched++;
      at++;
    }
    if (this.#matched === key.length) {
      this.#matched = 0;
      this.#state = "colon";
    }
    return at;
  }

  /** The length of the key's beginning with which the chunk ends. */
  #keyAtEnd(chunk: Buffer, from: number): number {
    const { key } = this.#member;
    for (let start = Math.max(from, chunk.length - key.length + 1); start < chunk.length; start++) {
      let at = start;
      while (at < chunk.length && chunk[at] === key[at - start]) at++;
      if (at === chunk.length && this.#byteBefore(chunk, start) !== BACKSLASH) return at - start;
    }
    return 0;
  }

  #byteBefore(chunk: Buffer, at: number): number {
    return at === 0 ? this.#lastByte : (chunk[at - 1] ?? 0);
  }

  #expectColon(chunk: Buffer, from: number): number {
    const at = skipSpace(chunk, from);
    if (at === chunk.length) return at;
    this.#state = chunk[at] === COLON ? "value" : "key";
    return chunk[at] === COLON ? at + 1 : at;
  }

  #readValue(chunk: Buffer, from: number): number {
    const at = skipSpace(chunk, from);
    if (at === chunk.length) return at;
    this.#state = "key";
    if (chunk[at] !== this.#member.opener) return at;
    const end = this.#reader.read(chunk, at);
    if (end !== -1) {
      if (end - at <= VALUE_LIMIT_BYTES && this.#reader.keep()) this.#state = "over";
      return end;
    }
    this.#state = "inside";
    this.#depth = 0;
    this.#inString = this.#escaped = false;
    return at;
  }

  /** From the opener on, to the byte that closes the value: it may still be no JSON. */
  #capture(chunk: Buffer, from: number): number {
    const end = this.#endOfValue(chunk, from);
    const to = end === -1 ? chunk.length : end;
    this.#isTooLong ||= this.#captured.length + to - from > VALUE_LIMIT_BYTES;
    if (!this.#isTooLong) this.#captured.append(chunk.subarray(from, to));
    if (end !== -1) this.#report(this.#captured.take());
    return to;
  }

  /** -1 if it does not end in this chunk. */
  #endOfValue(chunk: Buffer, from: number): number {
    // In variables of its own: this is the only loop over every byte.
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (!inString) {
        if (byte === QUOTE) inString = true;
        else if (byte === BRACE_OPEN) depth++;
        else if (byte === BRACE_CLOSE && --depth === 0) return at + 1;
      } else if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) {
        inString = false;
        if (depth === 0) return at + 1;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    return -1;
  }

  #report(value: Buffer): void {
    const isRead = !this.#isTooLong && this.#reader.read(value, 0) !== -1;
    this.#isTooLong = false;
    this.#state = isRead && this.#reader.keep() ? "over" : "key";
  }
}

/** A string; `isEnough` gets it, or undefined for what only looks like one. */
export function stringReader(isEnough: (text: string | undefined) => boolean): ValueReader {
  let text: string | undefined;
  return {
    read(bytes, start) {
      const end = endOfString(bytes, start + 1);
      if (end !== -1) text = stringAt(bytes, start, end);
      return end;
    },
    keep: () => isEnough(text),
  };
}

/** From behind the opening quote to behind the closing one; -1: it is not there. */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] === BACKSLASH) at++;
  }
  return -1;
}

/** A string with its quotes. Undefined: it is none. */
function stringAt(bytes: Buffer, start: number, end: number): string | undefined {
  const inside = bytes.toString("utf8", start + 1, end - 1);
  // Escapes alone, and what no string may hold, need the parser.
  if (PLAIN.test(inside)) return inside;
  try {
    return String(JSON.parse(`"${inside}"`));
  } catch {
    return undefined;
  }
}

const PLAIN = /^[ !#-[\]-\uffff]*$/;
