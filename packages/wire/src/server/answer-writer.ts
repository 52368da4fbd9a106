/** The answer on its way out: what comes in one turn of the event loop goes as one write and one chunk. */
import type { Socket } from "node:net";
import type { SharedBuffers } from "../io/shared-buffers.ts";
import { AnswerHead, CLOSE_LINE, keepAliveLines } from "./answer-head.ts";
import { Burst } from "./burst.ts";

/** As much is written without waiting for more. */
const JOINED_BYTES = 32 * 1024;

/** What comes behind the head: nothing, so many bytes, chunks, or all until the connection ends. */
const NONE = 0;
const LENGTH = 1;
const CHUNKED = 2;
const CLOSE = 3;

const CONTINUE = ["HTTP/1.1 100 Continue\r\n\r\n"];

/** One for each connection, used for one answer after the other. */
export class AnswerWriter {
  /** The connection ends with this answer. */
  closes = false;
  readonly #socket: Socket;
  readonly #buffers: SharedBuffers;
  readonly #head = new AnswerHead();
  #framing = NONE;
  /** Of the body, where its length is known. */
  #left = 0;
  #isToHead = false;
  #isOld = false;
  #idleTimeoutMs = 0;
  #isHeadHeld = false;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isFlushDue = false;
  readonly #burst: Burst;

  /** `rested`: after a write that was told to wait for no fault of the client's, the next one may come. */
  constructor(socket: Socket, buffers: SharedBuffers, rested: () => void) {
    this.#burst = new Burst(() => {
      // Else its "drain" will tell.
      if (!socket.writableNeedDrain) rested();
    });
    this.#socket = socket;
    this.#buffers = buffers;
  }

  /** For the answer to this request. */
  begin(method: string, minorVersion: number, closes: boolean): void {
    this.closes = closes;
    this.#isToHead = method === "HEAD";
    this.#isOld = minorVersion === 0;
    this.#isHeadHeld = false;
    this.#framing = NONE;
    this.#left = 0;
    this.#burst.reset();
  }

  continue(): void {
    this.#buffers.write(this.#socket, CONTINUE);
  }

  /** Held back until the first bytes of the body. Throws as `AnswerHead.read`, and nothing has begun. */
  head(status: number, headers: readonly string[], idleTimeoutMs: number): void {
    const head = this.#head;
    head.read(status, headers);
    this.#idleTimeoutMs = idleTimeoutMs;
    this.closes ||= head.saysClose;
    this.#isHeadHeld = true;
    this.#framing = this.#framingOf(head);
    this.#left = head.contentLength;
  }

  #framingOf({ status, contentLength }: AnswerHead): number {
    if (this.#isToHead || status === 204 || status === 304) return NONE;
    if (contentLength !== -1) return LENGTH;
    return this.#isOld ? CLOSE : CHUNKED;
  }

  /** Whether that many bytes may come. A body where there must not be one is not sent (RFC 9110 section 6.4.1). */
  admits(bytes: number): boolean {
    if (this.#framing !== LENGTH) return true;
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Whether the body is whole, once no more will come. */
  /** Whether so many bytes more would not make it look whole. */
  staysBroken(bytes: number): boolean {
    return this.#framing !== LENGTH || bytes < this.#left;
  }

  get isWhole(): boolean {
    return this.#framing !== LENGTH || this.#left === 0;
  }

  /** False: wait for the socket's "drain", or for `rested`. The bytes are ours from now on, and nobody changes them. */
  write(chunk: Uint8Array): boolean {
    if (this.#framing === NONE || chunk.length === 0) return !this.#socket.writableNeedDrain;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      process.nextTick(flushDue, this);
      if (this.#framing === CHUNKED) this.#burst.came();
    }
    if (this.#heldBytes >= JOINED_BYTES) this.#send(false);
    return !this.#burst.isResting && !this.#socket.writableNeedDrain;
  }

  flush(): void {
    if (this.#isHeadHeld || this.#heldBytes > 0) this.#send(false);
  }

  flushDue(): void {
    this.#isFlushDue = false;
    if (this.#heldBytes > 0) this.#send(false);
  }

  end(): void {
    if (this.#isHeadHeld || this.#heldBytes > 0 || this.#framing === CHUNKED) this.#send(true);
  }

  /** Nobody wants what is held. */
  drop(): void {
    this.#isHeadHeld = false;
    this.#framing = NONE;
    this.#takeHeld();
  }

  #send(isEnd: boolean): void {
    const head = this.#takeHead(isEnd);
    const bytes = this.#heldBytes;
    const held = this.#takeHeld();
    const isChunked = this.#framing === CHUNKED;
    const before = isChunked && bytes > 0 ? `${head}${bytes.toString(16)}\r\n` : head;
    const pieces = before === "" ? held : [before, ...held];
    if (isChunked) pieces.push(bytes > 0 ? (isEnd ? "\r\n0\r\n\r\n" : "\r\n") : isEnd ? "0\r\n\r\n" : "");
    this.#buffers.write(this.#socket, pieces);
  }

  /** Another array: to empty one costs more. */
  #takeHeld(): (string | Uint8Array)[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }

  #takeHead(isEnd: boolean): string {
    if (!this.#isHeadHeld) return "";
    this.#isHeadHeld = false;
    const head = this.#head;
    let { contentLength } = head;
    if (isEnd && (this.#framing === CHUNKED || this.#framing === CLOSE)) {
      this.#framing = LENGTH;
      contentLength = this.#heldBytes;
    }
    this.closes ||= this.#framing === CLOSE;
    let framing = this.#framing === CHUNKED ? "transfer-encoding: chunked\r\n" : "";
    // RFC 9110 section 8.6: of what would come to a GET, but never with a 204.
    if (contentLength !== -1 && head.status !== 204) framing = `content-length: ${contentLength}\r\n`;
    return head.format(framing, this.closes ? CLOSE_LINE : keepAliveLines(this.#idleTimeoutMs));
  }
}

function flushDue(writer: AnswerWriter): void {
  writer.flushDue();
}
