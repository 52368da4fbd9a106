/** The memory that all connections of a thread read into and write from, one callback at a time. */
import type { Socket } from "node:net";

/** Below this, what is written together is copied together: one small system call is cheaper than the care of several pieces. */
const JOINED_BYTES = 64 * 1024;

const POISON = 0xdb;

/** One for each thread. What a read callback leaves in `reading` belongs to the next one. */
export class SharedBuffers {
  readonly reading: Buffer = Buffer.allocUnsafeSlow(JOINED_BYTES);
  readonly #isPoisoned: boolean;
  #writing: Buffer = Buffer.allocUnsafeSlow(JOINED_BYTES);
  /** What lies before it belongs to writes in flight, and is not written to again. */
  #free = 0;

  /** `poison`: for tests, overwrites what nobody may read any more. */
  constructor({ poison = false }: { readonly poison?: boolean } = {}) {
    this.#isPoisoned = poison;
  }

  /** To be called at the end of each read callback. */
  readDone(): void {
    if (this.#isPoisoned) this.reading.fill(POISON);
  }

  /** Writes the pieces as one; strings are latin1. False: wait for the socket's "drain". */
  write(socket: Socket, pieces: readonly (string | Uint8Array)[]): boolean {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length > JOINED_BYTES) return writeApart(socket, pieces);

    const from = this.#reserve(length);
    const buffer = this.#writing;
    let at = from;
    for (const piece of pieces) {
      if (typeof piece === "string") buffer.write(piece, at, piece.length, "latin1");
      else buffer.set(piece, at);
      at += piece.length;
    }
    const goOn = socket.write(buffer.subarray(from, at));
    if (socket.writableLength > 0) this.#free = at;
    else if (this.#isPoisoned) buffer.fill(POISON, from, at);
    return goOn;
  }

  #reserve(length: number): number {
    if (this.#free + length > JOINED_BYTES) {
      this.#writing = Buffer.allocUnsafeSlow(JOINED_BYTES);
      this.#free = 0;
    }
    return this.#free;
  }
}

/** Those of this thread, for all connections that are given none of their own. */
export const sharedBuffers = new SharedBuffers();

function writeApart(socket: Socket, pieces: readonly (string | Uint8Array)[]): boolean {
  let goOn = true;
  socket.cork();
  for (const piece of pieces) goOn = typeof piece === "string" ? socket.write(piece, "latin1") : socket.write(piece);
  socket.uncork();
  return goOn;
}
