/** What a client has sent behind the request whose answer is due: a copy that grows to a bound. */

const SMALLEST_BYTES = 1024;
const NOTHING = Buffer.alloc(0);

export class ReadAhead {
  #buffer = NOTHING;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  append(bytes: Buffer, from: number, to: number): void {
    if (this.#end + to - from > this.#buffer.length) this.#grow(this.length + to - from);
    this.#end += bytes.copy(this.#buffer, this.#end, from, to);
  }

  /** `read` gets bytes, start and end, and returns the offset behind what it took. */
  consume(read: (bytes: Buffer, start: number, end: number) => number): void {
    this.#start = read(this.#buffer, this.#start, this.#end);
    if (this.#start < this.#end) return;
    this.clear();
  }

  clear(): void {
    this.#start = this.#end = 0;
    this.#buffer = NOTHING;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(needed))));
    this.#end = this.#buffer.copy(grown, 0, this.#start, this.#end);
    this.#start = 0;
    this.#buffer = grown;
  }
}
