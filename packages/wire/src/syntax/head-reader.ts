/** Reads the lines of a head, and what of its fields says where the message ends (RFC 9112 sections 2, 5 and 6). */
import { WireError } from "../errors.ts";
import { COLON, CR, isBlank, LF, skip, TEXT, TOKEN, trimBlanks } from "./characters.ts";
import { knownText } from "./known-texts.ts";

export interface HeadLimits {
  /** From the first byte to the empty line and with it. */
  readonly headBytes: number;
  /** How many lines it may have behind the first one. */
  readonly headers: number;
}

/** llhttp counts in 64 bits, and takes what is more for nonsense. */
const MAX_LENGTH = 2n ** 64n - 1n;
/** For each field. */
const MARKS = 4;
/** Of the thread's last head, for the next one: heads seldom come in pieces, and then each reader has its own. */
let spareMarks: number[] = [];
const NOTHING = Buffer.alloc(0);
/** More of a first line than is looked at before its end has come. */
const BEGINNING_BYTES = 32;

/**
 * One for each connection, used for one head after the other. A head may come in pieces: each byte is looked at once for the
 * end of its line, and lines as they are complete, so that a fault is found when it is there.
 */
export abstract class HeadReader {
  /** Name, value, name, value, as sent; another array for each head. */
  headers: string[] = [];
  /** -1: not said. */
  contentLength = -1;
  isChunked = false;
  minorVersion: 0 | 1 = 1;
  /** The connection ends with this message. */
  closes = false;
  protected hosts = 0;
  #saysClose = false;
  #saysKeepAlive = false;
  readonly #hasStartLine: boolean;
  #started: boolean;
  /** Offsets from the head's first byte: where to go on, and where the line begins that is not complete. */
  #position = 0;
  #lineStart = 0;
  /** For each field the ends of its name and value, from the head's first byte; from the first field to the end of the head. */
  #marks: number[] | undefined;
  #fields = 0;
  /** What has come of a head that is not complete. */
  #held = NOTHING;
  #heldBytes = 0;

  constructor(hasStartLine = true) {
    this.#hasStartLine = hasStartLine;
    this.#started = !hasStartLine;
  }

  /** A head has begun and is not complete. Empty lines before one are not its beginning. */
  get isBegun(): boolean {
    return this.#heldBytes > 0 && (this.#started || this.#heldBytes > this.#lineStart);
  }

  /**
   * Reads bytes[start..end). Returns the offset behind the head, or -1: more has to come, and what came is kept. Empty lines
   * before a start line are skipped (RFC 9112 section 2.2). Throws WireError.
   */
  read(bytes: Buffer, start: number, end: number, limits: HeadLimits): number {
    if (this.#heldBytes === 0) {
      const behind = this.#scan(bytes, start, end, limits);
      if (behind === -1) this.#hold(bytes, start, end);
      return behind;
    }
    const before = this.#heldBytes;
    this.#hold(bytes, start, end);
    const behind = this.#scan(this.#held, 0, this.#heldBytes, limits);
    if (behind === -1) return -1;
    this.#heldBytes = 0;
    // Not kept for another: most connections never need it again, and many stay open.
    this.#held = NOTHING;
    return start + behind - before;
  }

  /** Whoever needed them has them. They may hold a key, and a connection may wait long for its next message. */
  forget(): void {
    this.headers = [];
  }

  /** Offsets of the line within `bytes`; `base` is that of the head. Throws WireError. */
  protected abstract readStartLine(bytes: Buffer, from: number, to: number, base: number): void;
  /** The line is not complete: whether it may become one. Throws WireError. */
  protected abstract checkBeginning(bytes: Buffer, from: number, to: number): void;
  /** All of it has been read; `text` is the head, and its bytes begin at `base`. Throws WireError. */
  protected abstract conclude(text: string, bytes: Buffer, base: number): void;
  /** A field that means something to one kind of message only; its name in lower case. Throws WireError. */
  protected noteField(_name: string, _value: string): void {}

  #hold(bytes: Buffer, start: number, end: number): void {
    const length = this.#heldBytes + end - start;
    if (length > this.#held.length) {
      const held = Buffer.allocUnsafeSlow(Math.max(1024, 2 ** Math.ceil(Math.log2(length))));
      this.#held.copy(held, 0, 0, this.#heldBytes);
      this.#held = held;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = length;
  }

  #scan(bytes: Buffer, base: number, end: number, limits: HeadLimits): number {
    const limit = Math.min(end, base + limits.headBytes);
    for (;;) {
      const at = skip(TEXT, bytes, base + this.#position, limit);
      if (at < limit && bytes[at] !== CR) throw malformed("a line ends with something else than CRLF");
      this.#position = at - base;
      if (at + 1 >= limit) {
        // First of all what is none, as it would be if it had come in pieces.
        if (!this.#started)
          this.checkBeginning(bytes, base + this.#lineStart, Math.min(at, base + this.#lineStart + BEGINNING_BYTES));
        if (end - base >= limits.headBytes) throw tooLarge(this.#started);
        return -1;
      }
      if (bytes[at + 1] !== LF) throw malformed("a CR without LF");
      const from = base + this.#lineStart;
      this.#position = this.#lineStart = at + 2 - base;
      if (at > from) {
        if (this.#started) this.#readField(bytes, from, at, base, limits);
        else this.readStartLine(bytes, from, at, base);
        this.#started = true;
      } else if (this.#started) {
        this.#complete(bytes, base, bytes.toString("latin1", base, at));
        return at + 2;
      }
    }
  }

  #readField(bytes: Buffer, from: number, to: number, base: number, limits: HeadLimits): void {
    const colon = skip(TOKEN, bytes, from, to);
    if (colon === from || bytes[colon] !== COLON || colon === to) throw malformed("a header line without a name");
    if (this.#fields >= limits.headers) throw new WireError("WIRE_HEAD_TOO_LARGE", "the head has too many headers");
    let valueStart = colon + 1;
    while (valueStart < to && isBlank(bytes[valueStart])) valueStart += 1;
    let valueEnd = to;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd -= 1;
    const marks = (this.#marks ??= takeMarks());
    const mark = this.#fields++ * MARKS;
    marks[mark] = from - base;
    marks[mark + 1] = colon - base;
    marks[mark + 2] = valueStart - base;
    marks[mark + 3] = valueEnd - base;
  }

  #complete(bytes: Buffer, base: number, text: string): void {
    const marks = this.#marks ?? [];
    const headers: string[] = [];
    this.contentLength = -1;
    this.isChunked = this.#saysClose = this.#saysKeepAlive = false;
    this.hosts = 0;
    const end = this.#fields * MARKS;
    for (let index = 0; index < end; index += MARKS) {
      const { text: name, lower } = knownText(bytes, base + (marks[index] ?? 0), base + (marks[index + 1] ?? 0));
      const from = marks[index + 2] ?? 0;
      const to = marks[index + 3] ?? 0;
      const value = lower === "host" ? knownText(bytes, base + from, base + to).text : text.slice(from, to);
      headers.push(name, value);
      this.#note(lower, value);
    }
    this.headers = headers;
    spareMarks = marks;
    this.#marks = undefined;
    this.#fields = this.#position = this.#lineStart = 0;
    this.#started = !this.#hasStartLine;
    this.conclude(text, bytes, base);
    if (this.isChunked && (this.contentLength !== -1 || this.minorVersion === 0))
      throw malformed("Transfer-Encoding with Content-Length, or in HTTP/1.0");
    this.closes = this.minorVersion === 0 ? !this.#saysKeepAlive || this.#saysClose : this.#saysClose;
  }

  #note(name: string, value: string): void {
    switch (name) {
      case "host":
        this.hosts += 1;
        break;
      case "connection":
      // No standard has it, but llhttp heeds it: nobody may take for a request what another leaves unread.
      case "proxy-connection":
        this.#noteConnection(value);
        break;
      case "content-length":
        this.#noteLength(value);
        break;
      case "transfer-encoding":
        this.#noteCoding(value);
        break;
      default:
        this.noteField(name, value);
    }
  }

  #noteConnection(value: string): void {
    for (const item of value.toLowerCase().split(",")) {
      const token = trimBlanks(item);
      if (token === "close") this.#saysClose = true;
      else if (token === "keep-alive") this.#saysKeepAlive = true;
    }
  }

  #noteLength(value: string): void {
    if (this.contentLength !== -1 || !/^\d+$/.test(value)) throw malformed("Content-Length is not one number");
    this.contentLength = Number(value);
    if (this.contentLength <= Number.MAX_SAFE_INTEGER) return;
    if (BigInt(value) > MAX_LENGTH) throw malformed("Content-Length is no number that anybody counts to");
    throw new WireError("WIRE_BODY_TOO_LARGE", "the body is longer than can be counted");
  }

  #noteCoding(value: string): void {
    if (this.isChunked || value.toLowerCase() !== "chunked")
      throw malformed("Transfer-Encoding is not chunked, said once");
    this.isChunked = true;
  }
}

function takeMarks(): number[] {
  const taken = spareMarks;
  spareMarks = [];
  return taken;
}

/** Before its first line has ended, that line is too long. */
function tooLarge(hasStartLine: boolean): WireError {
  return hasStartLine
    ? new WireError("WIRE_HEAD_TOO_LARGE", "the head is too large")
    : new WireError("WIRE_LINE_TOO_LONG", "the first line is too long");
}

export function malformed(what: string): WireError {
  return new WireError("WIRE_MALFORMED", what);
}
