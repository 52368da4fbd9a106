/** Reads HTTP/1.1 answers from a connection, and compares every byte of their bodies with what was expected. */

/** What is wrong with an answer: `status 502`, `another body`. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

const state = { head: 0, body: 1, chunkSize: 2, chunk: 3, chunkEnd: 4, lastChunk: 5 } as const;
type State = (typeof state)[keyof typeof state];

/** One for a connection; requests are not pipelined. */
export class AnswerReader {
  /** Bytes of the present answer's body so far. */
  received = 0;
  readonly #expected: Uint8Array | undefined;
  readonly #statusLine: string;
  readonly #collected: Buffer[] | undefined;
  #state: State = state.head;
  #carry = Buffer.alloc(0);
  /** Bytes until the end of the body or chunk. */
  #left = 0;

  /** Without `expected` any body is right; `status` is 200 if absent. */
  constructor(
    expected?: Uint8Array,
    options: { readonly collect?: boolean; readonly status?: number | undefined } = {},
  ) {
    this.#expected = expected;
    this.#statusLine = `HTTP/1.1 ${options.status ?? 200} `;
    this.#collected = options.collect ? [] : undefined;
  }

  /** What was collected of the last answer. */
  get body(): Buffer {
    return Buffer.concat(this.#collected ?? []);
  }

  /** True: the answer is complete. Keeps nothing of `bytes`. Throws AnswerError. */
  push(bytes: Buffer): boolean {
    const data = this.#carry.length > 0 ? Buffer.concat([this.#carry, bytes]) : bytes;
    if (this.#carry.length > 0) this.#carry = Buffer.alloc(0);
    let at = 0;
    while (at < data.length) {
      const next = this.#step(data, at);
      if (next === undefined) {
        this.#carry = Buffer.from(data.subarray(at));
        return false;
      }
      at = next;
      if (this.#state === state.head) {
        if (at < data.length) throw new AnswerError("bytes behind the answer");
        return true;
      }
    }
    return false;
  }

  /** Where to go on; undefined: more bytes are needed. */
  #step(data: Buffer, at: number): number | undefined {
    switch (this.#state) {
      case state.head:
        return this.#head(data, at);
      case state.body:
      case state.chunk:
        return this.#body(data, at);
      case state.chunkSize:
        return this.#chunkSize(data, at);
      case state.chunkEnd:
        if (data.length < at + 2) return undefined;
        this.#state = state.chunkSize;
        return at + 2;
      case state.lastChunk:
        if (data.length < at + 2) return undefined;
        this.#finish();
        return at + 2;
    }
  }

  #head(data: Buffer, at: number): number | undefined {
    const end = data.indexOf(END_OF_HEAD, at);
    if (end === -1) return undefined;
    const head = data.toString("latin1", at, end);
    if (!head.startsWith(this.#statusLine)) throw new AnswerError(`status ${head.slice(9, 12)}`);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.received = 0;
    this.#collected?.splice(0);
    if (length !== undefined) {
      this.#left = Number(length);
      this.#state = state.body;
      if (this.#left === 0) this.#finish();
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#state = state.chunkSize;
    } else {
      throw new AnswerError("an answer without a length");
    }
    return end + 4;
  }

  #chunkSize(data: Buffer, at: number): number | undefined {
    const end = data.indexOf(10, at);
    if (end === -1) return undefined;
    this.#left = Number.parseInt(data.toString("latin1", at, end), 16);
    if (!(this.#left >= 0)) throw new AnswerError("a chunk without a size");
    this.#state = this.#left === 0 ? state.lastChunk : state.chunk;
    return end + 1;
  }

  #body(data: Buffer, at: number): number {
    const end = Math.min(data.length, at + this.#left);
    this.#collected?.push(Buffer.from(data.subarray(at, end)));
    if (this.#expected !== undefined) this.#compare(this.#expected, data, at, end);
    this.received += end - at;
    this.#left -= end - at;
    if (this.#left > 0) return end;
    if (this.#state === state.chunk) this.#state = state.chunkEnd;
    else this.#finish();
    return end;
  }

  #compare(expected: Uint8Array, data: Buffer, at: number, end: number): void {
    const until = this.received + end - at;
    if (until > expected.length || data.compare(expected, this.received, until, at, end) !== 0)
      throw new AnswerError("another body");
  }

  #finish(): void {
    if (this.#expected !== undefined && this.received !== this.#expected.length) throw new AnswerError("another body");
    this.#state = state.head;
  }
}
