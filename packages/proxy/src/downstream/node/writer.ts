/** The body of a node:http answer on its way out: what comes in one turn of the event loop goes as one piece. */
import type { ServerResponse } from "node:http";

/** More is not worth copying. */
const JOINED_BYTES = 16 * 1024;

/**
 * One read from a provider may hold a hundred events. Node would hold them back to the end of the turn in any case, and
 * then write four pieces for each.
 */
export class NodeWriter {
  readonly #response: ServerResponse;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** False: wait for `drain`. */
  write(chunk: Uint8Array): boolean {
    if (chunk.length >= JOINED_BYTES) {
      this.flush();
      this.#response.write(chunk);
    } else {
      if (this.#held.push(chunk) === 1) process.nextTick((writer: NodeWriter) => writer.flush(), this);
      this.#heldBytes += chunk.length;
      if (this.#heldBytes >= JOINED_BYTES) this.flush();
    }
    return !this.#response.writableNeedDrain;
  }

  flush(): void {
    const joined = this.#take();
    if (joined) this.#response.write(joined);
  }

  end(): void {
    this.#response.end(this.#take());
  }

  /** Nobody wants what is held. */
  drop(): void {
    this.#take();
  }

  #take(): Uint8Array | undefined {
    const held = this.#held;
    if (held.length === 0) return undefined;
    this.#held = [];
    this.#heldBytes = 0;
    return held.length === 1 ? held[0] : Buffer.concat(held);
  }
}
