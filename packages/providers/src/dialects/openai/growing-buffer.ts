/** Bytes kept from chunk to chunk, in one piece of memory however small the chunks are. */

const nothing = Buffer.alloc(0);

export class GrowingBuffer {
  #memory = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies: whoever owns the chunk may use its memory again. */
  append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const memory = Buffer.allocUnsafe(Math.max(length, this.#memory.length * 2, 256));
      this.#memory.copy(memory, 0, 0, this.#length);
      this.#memory = memory;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = length;
  }

  /** Everything that was appended; whoever takes it owns it. */
  take(): Buffer {
    const bytes = this.#memory.subarray(0, this.#length);
    this.#memory = nothing;
    this.#length = 0;
    return bytes;
  }
}
