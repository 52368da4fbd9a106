/** The chunked transfer coding: sizes, extensions, ends and trailers (RFC 9112 section 7.1). */
import type { TakeContent } from "./body-decoder.ts";
import { BACKSLASH, CR, EQUALS, LF, QUOTE, SEMICOLON, TEXT, TOKEN } from "./characters.ts";
import { HeadReader, malformed, type HeadLimits } from "./head-reader.ts";

/** Of all chunks of a body together: nobody has a use for them, and they cost. */
const EXTENSION_BYTES = 16 * 1024;
const SIZE_DIGITS = 16;

const SIZE = 0;
const EXTENSION_START = 1;
const EXTENSION_NAME = 2;
const EXTENSION_VALUE_START = 3;
const EXTENSION_VALUE = 4;
const EXTENSION_QUOTED = 5;
const EXTENSION_ESCAPED = 6;
const EXTENSION_QUOTED_END = 7;
const SIZE_LF = 8;
const DATA = 9;
const DATA_CR = 10;
const DATA_LF = 11;
const TRAILERS = 12;

/** They end here, for no client of an LLM API looks at them; but they must be right. */
class Trailers extends HeadReader {
  constructor() {
    super(false);
  }
  protected override readStartLine(): void {}
  protected override checkBeginning(): void {}
  protected override conclude(): void {
    // What decides on the framing has its place in the head (RFC 9110 section 6.5.1).
    if (this.contentLength !== -1 || this.isChunked) throw malformed("framing among the trailers");
  }
}

export class ChunkReader {
  isWhole = false;
  readonly #trailers = new Trailers();
  #trailerLimits: HeadLimits | undefined;
  #state = SIZE;
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;

  begin(trailerLimits: HeadLimits): void {
    this.isWhole = false;
    this.#trailerLimits = trailerLimits;
    this.#state = SIZE;
    this.#size = this.#digits = this.#extensionBytes = 0;
  }

  /** As `BodyDecoder.decode`. */
  read(bytes: Buffer, start: number, end: number, take: TakeContent): number {
    let at = start;
    while (at < end) {
      if (this.#state === DATA) {
        const to = Math.min(end, at + this.#size);
        take.content(bytes, at, to);
        this.#size -= to - at;
        at = to;
        if (this.#size === 0) this.#state = DATA_CR;
      } else if (this.#state === TRAILERS) {
        return this.#readTrailers(bytes, at, end);
      } else {
        this.#step(bytes[at] ?? 0);
        at += 1;
      }
    }
    return at;
  }

  #readTrailers(bytes: Buffer, at: number, end: number): number {
    if (!this.#trailerLimits) return at;
    const behind = this.#trailers.read(bytes, at, end, this.#trailerLimits);
    this.isWhole = behind !== -1;
    return this.isWhole ? behind : end;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#readSize(byte);
        break;
      case SIZE_LF:
        expect(byte, LF);
        this.#digits = 0;
        this.#state = this.#size === 0 ? TRAILERS : DATA;
        break;
      case DATA_CR:
        expect(byte, CR);
        this.#state = DATA_LF;
        break;
      case DATA_LF:
        expect(byte, LF);
        this.#state = SIZE;
        break;
      default:
        if (++this.#extensionBytes > EXTENSION_BYTES) throw malformed("chunk extensions without end");
        this.#readExtension(byte);
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      this.#size = this.#size * 16 + digit;
      if (++this.#digits > SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) throw malformed("a chunk too large");
    } else if (this.#digits > 0 && byte === CR) this.#state = SIZE_LF;
    else if (this.#digits > 0 && byte === SEMICOLON) this.#state = EXTENSION_START;
    else throw malformed("a chunk without a size");
  }

  /** `;name`, `;name=token`, `;name="text"`, as often as one likes. */
  #readExtension(byte: number): void {
    switch (this.#state) {
      case EXTENSION_QUOTED:
        if (byte === QUOTE) this.#state = EXTENSION_QUOTED_END;
        else if (byte === BACKSLASH) this.#state = EXTENSION_ESCAPED;
        else expectText(byte);
        return;
      case EXTENSION_ESCAPED:
        expectText(byte);
        this.#state = EXTENSION_QUOTED;
        return;
      case EXTENSION_VALUE_START:
        if (byte === QUOTE) this.#state = EXTENSION_QUOTED;
        else this.#readToken(byte, EXTENSION_VALUE);
        return;
      case EXTENSION_START:
        this.#readToken(byte, EXTENSION_NAME);
        return;
    }
    if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) this.#state = EXTENSION_START;
    else if (byte === EQUALS && this.#state === EXTENSION_NAME) this.#state = EXTENSION_VALUE_START;
    else if (this.#state === EXTENSION_QUOTED_END) throw malformed("a chunk extension goes on behind its quotes");
    else this.#readToken(byte, this.#state);
  }

  #readToken(byte: number, state: number): void {
    if (TOKEN[byte] !== 1) throw malformed("a chunk extension that is none");
    this.#state = state;
  }
}

function expect(byte: number, expected: number): void {
  if (byte !== expected) throw malformed("a chunk that does not end with CRLF");
}

function expectText(byte: number): void {
  if (TEXT[byte] !== 1) throw malformed("a control character in a chunk extension");
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
