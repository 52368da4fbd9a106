/** Reads the requests of a connection from its bytes: the next one only once the answer to the last one is out. */
import type { Socket } from "node:net";
import { WireError } from "../errors.ts";
import { BodyDecoder, type TakeContent } from "../syntax/body-decoder.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import { RequestHead } from "../syntax/request-head.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { RequestBody } from "./request-body.ts";

/** So much of what is sent ahead waits for its turn before the client has to. */
const AHEAD_BYTES = 64 * 1024;

/** Who gets the requests. */
export interface RequestSink {
  readonly headLimits: HeadLimits;
  /** A head has come. Returns who gets the body, if there is one; or calls `close`. */
  open(head: RequestHead): RequestBody | undefined;
  /** What came of its body with the head has been read. */
  begin(head: RequestHead): void;
  /** What came is no HTTP/1.1, or too large. */
  malformed(error: WireError): void;
  /** All that came has been read, and nothing is due. */
  rested(): void;
}

/** What comes next: a head, more of a body, nothing before the answer is out, or nothing that counts. */
export type Stage = "head" | "body" | "answer" | "closing";

export class RequestReader implements TakeContent {
  stage: Stage = "head";
  receivedBytes = 0;
  /** Grows whenever a request begins, or the time between two. */
  turns = 0;
  hasOpened = false;
  readonly #socket: Socket;
  readonly #sink: RequestSink;
  readonly #head = new RequestHead();
  readonly #decoder = new BodyDecoder();
  readonly #ahead = new ReadAhead();
  #body: RequestBody | undefined;
  #isAnswerDue = false;
  #isReading = false;
  #isPaused = false;
  /** The answer is whole, and waits for the client to take what came before. */
  #isFlushing = false;

  constructor(socket: Socket, sink: RequestSink) {
    this.#socket = socket;
    this.#sink = sink;
  }

  /** Between two requests, or before the first. */
  get isResting(): boolean {
    return this.stage === "head" && !this.#head.isBegun && !this.#isReading;
  }

  /** A request has begun, and not all of it has come. */
  get isHalf(): boolean {
    return this.stage === "head" ? this.#head.isBegun : this.stage === "body" && this.#isAnswerDue;
  }

  /** bytes[0..length), valid during the call. */
  received(bytes: Buffer, length: number): void {
    this.receivedBytes += length;
    if (this.stage === "closing") return;
    const at = this.#ahead.length === 0 ? this.#read(bytes, 0, length) : 0;
    if (at < length) this.#ahead.append(bytes, at, length);
    this.adjust();
  }

  /** The answer is out. What is left of the body is read, and nobody gets it. */
  answered(): void {
    this.#isAnswerDue = false;
    this.#head.forget();
    if (this.stage === "body") this.adjust();
    else this.#next();
  }

  /** The client has taken what waited. True: that is what the next request waited for. */
  drained(): boolean {
    const wasFlushing = this.#isFlushing;
    if (wasFlushing) this.#next();
    return wasFlushing;
  }

  /** What still comes is thrown away. */
  close(): void {
    this.stage = "closing";
    this.#ahead.clear();
    this.adjust();
  }

  /** Stops reading while nobody takes what has come. */
  adjust(): void {
    const isFull = this.stage === "body" ? this.#isAnswerDue && this.#body?.isFull === true : this.#isAheadFull;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  content(bytes: Buffer, from: number, to: number): void {
    this.#body?.content(bytes, from, to);
  }

  get #isAheadFull(): boolean {
    return this.stage !== "closing" && this.#ahead.length >= AHEAD_BYTES;
  }

  /** Returns the offset behind what was read. What is left waits for the answer to what came before. */
  #read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.#isReading = true;
    while (at < end && this.stage !== "answer") at = this.stage === "closing" ? end : this.#step(bytes, at, end);
    this.#isReading = false;
    if (this.isResting) this.#sink.rested();
    return at;
  }

  #step(bytes: Buffer, start: number, end: number): number {
    let isNew = false;
    let at = start;
    try {
      if (this.stage === "head") {
        const wasBegun = this.#head.isBegun;
        at = this.#head.read(bytes, start, end, this.#sink.headLimits);
        // Empty lines before a request are not its beginning: they buy no time.
        if (!wasBegun && (at !== -1 || this.#head.isBegun)) this.turns += 1;
        if (at === -1) return end;
        isNew = this.#open();
      }
      if (this.stage === "body") at = this.#readBody(bytes, at, end);
    } catch (error) {
      if (!WireError.is(error)) throw error;
      this.#sink.malformed(error);
      return end;
    }
    if (isNew) this.#sink.begin(this.#head);
    return at;
  }

  #open(): boolean {
    const head = this.#head;
    this.#body = this.#sink.open(head);
    // Read as a whole, for it may have changed meanwhile.
    if (this.#isClosing) return false;
    this.hasOpened = this.#isAnswerDue = true;
    this.stage = this.#body ? "body" : "answer";
    if (this.#body)
      this.#decoder.begin(head.isChunked ? "chunked" : "length", head.contentLength, this.#sink.headLimits);
    return true;
  }

  get #isClosing(): boolean {
    return this.stage === "closing";
  }

  #readBody(bytes: Buffer, start: number, end: number): number {
    const at = this.#decoder.decode(bytes, start, end, this);
    if (!this.#decoder.isWhole) return at;
    this.#body?.complete();
    if (this.#isAnswerDue) this.stage = "answer";
    else this.#next();
    return at;
  }

  #next(): void {
    // Answers to requests sent ahead must not pile up before a client that takes none.
    this.#isFlushing = this.#socket.writableNeedDrain;
    this.stage = this.#isFlushing ? "answer" : "head";
    this.turns += 1;
    if (this.#isReading || this.#isFlushing) return;
    if (this.#ahead.length > 0) this.#ahead.consume((bytes, start, end) => this.#read(bytes, start, end));
    else this.#sink.rested();
    this.adjust();
  }
}
