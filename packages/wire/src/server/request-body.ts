/** What has come of a request's body, and who waits for it. */
import type { TakeContent } from "../syntax/body-decoder.ts";

/** So much waits for a reader before the client has to. */
const WAITING_BYTES = 64 * 1024;

/** Memory for all of a body is taken once this part of it has come: whoever only announces much gets little. */
const TELLING_PART = 1 / 16;

/** Where it comes from. */
export interface BodyLine {
  failure(code: "WIRE_BODY_TOO_LARGE", facts: { readonly limitBytes: number }): Error;
  /** Someone waits for it, or has taken some. */
  wantBody(body: RequestBody): void;
}

/** How a body is read whole. */
export interface BodyReading {
  readonly limitBytes: number;
  /** How long it may take, and what it fails with when it takes longer. */
  readonly timeout?: { readonly ms: number; readonly error: Error } | undefined;
  /** Memory for it, which is asked for before it is taken, and what it fails with when there is no more. */
  readonly reserve?: { take(bytes: number): boolean; readonly error: Error } | undefined;
}

/** Pieces that are smaller are kept together: a client may send one byte at a time, and each of its own costs a hundred. */
const BLOCK_BYTES = 4096;

const END: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** Nobody has asked for it; it is read whole, or piece by piece; nobody wants more of it. */
type Reading = "not yet" | "whole" | "pieces" | "over";

export class RequestBody implements TakeContent, AsyncIterator<Uint8Array>, AsyncIterable<Uint8Array> {
  /** Has been given to whoever reads it. */
  receivedBytes = 0;
  #reading: Reading = "not yet";
  #chunks: Buffer[] = [];
  /** Small pieces that came after these. */
  #block: Buffer | undefined;
  #blockBytes = 0;
  #waitingBytes = 0;
  /** Of a body of known length that is read whole: what has come stands in it, and the rest will. */
  #gathered: Buffer | undefined;
  #isWhole = false;
  #failure: Error | undefined;
  #limitBytes = Infinity;
  #reserve: BodyReading["reserve"];
  readonly #line: BodyLine;
  readonly #contentLength: number;
  #resolveWhole: ((bytes: Uint8Array) => void) | undefined;
  #resolvePiece: ((piece: IteratorResult<Uint8Array, undefined>) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `contentLength`: -1 where it is not known. */
  constructor(line: BodyLine, contentLength: number) {
    this.#line = line;
    this.#contentLength = contentLength;
  }

  /** Nothing more is to be read from the client, until someone has taken some. */
  get isFull(): boolean {
    return this.#reading === "over" || (this.#reading !== "whole" && this.#waitingBytes >= WAITING_BYTES);
  }

  /** It is the client's turn. */
  get isAwaited(): boolean {
    return !this.#isWhole && this.#reading !== "over" && (this.#reading === "whole" || this.#waitingBytes === 0);
  }

  content(bytes: Buffer, from: number, to: number): void {
    if (this.#reading === "over") return;
    if (this.#reading === "whole" && this.#isWorthGathering(to - from)) {
      this.#gather(bytes, from, to);
      return;
    }
    if (this.#resolvePiece) {
      this.#give(copyOf(bytes, from, to));
      return;
    }
    this.#keep(bytes, from, to);
    this.#waitingBytes += to - from;
    if (this.#reading === "whole") this.#count(to - from);
  }

  /** All of it has come. */
  complete(): void {
    this.#isWhole = true;
    if (this.#resolveWhole) this.#settle()?.(this.#takeAll());
    this.#resolvePiece?.(END);
    this.#resolvePiece = undefined;
  }

  /** Nobody gets more of it. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#reject?.(error);
    this.#resolvePiece = undefined;
    this.#settle();
    this.#drop();
  }

  /** At once where it has all come. */
  readWhole({ limitBytes, timeout, reserve }: BodyReading): Uint8Array | Promise<Uint8Array> {
    this.#reading = "whole";
    this.#limitBytes = limitBytes;
    this.#reserve = reserve;
    if (this.#contentLength !== -1) this.#take(this.#contentLength);
    if (this.#failure || !this.#count(this.#waitingBytes)) return Promise.reject(this.#failure);
    this.#line.wantBody(this);
    if (this.#isWhole) return this.#takeAll();
    return new Promise((resolve, reject) => {
      this.#resolveWhole = resolve;
      this.#reject = reject;
      if (timeout) this.#timer = setTimeout(() => this.fail(timeout.error), timeout.ms);
    });
  }

  readPieces(limitBytes: number): AsyncIterable<Uint8Array> {
    this.#reading = "pieces";
    this.#limitBytes = limitBytes;
    return this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#chunks.length === 0) this.#closeBlock();
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#waitingBytes -= chunk.length;
      this.#count(chunk.length);
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#reading === "over") return Promise.resolve(END);
    this.#line.wantBody(this);
    if (chunk) return Promise.resolve({ done: false, value: chunk });
    if (this.#isWhole) return Promise.resolve(END);
    return new Promise((resolve, reject) => {
      this.#resolvePiece = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#resolvePiece?.(END);
    this.#resolvePiece = undefined;
    this.#drop();
    return Promise.resolve(END);
  }

  #isWorthGathering(bytes: number): boolean {
    return this.#contentLength !== -1 && this.#waitingBytes + bytes >= this.#contentLength * TELLING_PART;
  }

  #gather(bytes: Buffer, from: number, to: number): void {
    this.#gathered ??= this.#gatherChunks();
    bytes.copy(this.#gathered, this.#waitingBytes, from, to);
    this.#waitingBytes += to - from;
    this.#count(to - from);
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const length = to - from;
    if (this.#block && this.#blockBytes + length > BLOCK_BYTES) this.#closeBlock();
    // Most bodies come in one piece, which needs no more than its own length.
    if (this.#chunks.length === 0 || length >= BLOCK_BYTES) {
      this.#chunks.push(copyOf(bytes, from, to));
      return;
    }
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#blockBytes += bytes.copy(this.#block, this.#blockBytes, from, to);
  }

  #closeBlock(): void {
    if (this.#block) this.#chunks.push(this.#block.subarray(0, this.#blockBytes));
    this.#block = undefined;
    this.#blockBytes = 0;
  }

  #gatherChunks(): Buffer {
    this.#closeBlock();
    const gathered = Buffer.allocUnsafeSlow(this.#contentLength);
    let at = 0;
    for (const chunk of this.#chunks) at += chunk.copy(gathered, at);
    this.#chunks = [];
    return gathered;
  }

  #give(chunk: Buffer): void {
    const resolve = this.#resolvePiece;
    this.#resolvePiece = undefined;
    if (this.#count(chunk.length)) resolve?.({ done: false, value: chunk });
  }

  /** False: it is longer than it may be, and whoever waits for it has been told. */
  #count(bytes: number): boolean {
    this.receivedBytes += bytes;
    if (this.receivedBytes <= this.#limitBytes) return this.#contentLength !== -1 || this.#take(bytes);
    this.fail(this.#line.failure("WIRE_BODY_TOO_LARGE", { limitBytes: this.#limitBytes }));
    return false;
  }

  #take(bytes: number): boolean {
    const reserve = this.#reserve;
    if (!reserve || reserve.take(bytes)) return true;
    this.fail(reserve.error);
    return false;
  }

  #drop(): void {
    this.#reading = "over";
    this.#block = undefined;
    this.#blockBytes = 0;
    this.#chunks.length = this.#waitingBytes = 0;
    this.#gathered = undefined;
  }

  #settle(): ((bytes: Uint8Array) => void) | undefined {
    clearTimeout(this.#timer);
    const resolve = this.#resolveWhole;
    this.#resolveWhole = this.#reject = undefined;
    return resolve;
  }

  #takeAll(): Uint8Array {
    this.#closeBlock();
    const chunks = this.#chunks;
    const [first = this.#gathered ?? Buffer.alloc(0)] = chunks;
    this.#chunks = [];
    this.#waitingBytes = 0;
    this.#gathered = undefined;
    return chunks.length > 1 ? Buffer.concat(chunks) : first;
  }
}

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}
