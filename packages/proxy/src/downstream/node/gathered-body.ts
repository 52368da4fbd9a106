/** The pieces of a body that is read whole. */

/** So many are joined: each costs hundreds of bytes, and a client may send one byte at a time. */
const JOINED = 1024;

export class GatheredBody {
  readonly #chunks: Buffer[] = [];
  /** How many of them are joined already. */
  #joined = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (this.#chunks.length - this.#joined < JOINED) return;
    this.#chunks.push(Buffer.concat(this.#chunks.splice(this.#joined)));
    this.#joined = this.#chunks.length;
  }

  /** All of it, as one. */
  take(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
  }
}
