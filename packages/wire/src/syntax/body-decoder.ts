/** Finds the content and the end of a body (RFC 9112 sections 6 and 7). */
import { ChunkReader } from "./chunk-reader.ts";
import type { HeadLimits } from "./head-reader.ts";

export type BodyKind = "none" | "length" | "chunked" | "close";

/** Gets the content in pieces, valid during the call. */
export interface TakeContent {
  content(bytes: Buffer, from: number, to: number): void;
}

const TRAILER_LIMITS: HeadLimits = { headBytes: 64 * 1024, headers: 1000 };

/** One for each connection, used for one body after the other. */
export class BodyDecoder {
  isWhole = true;
  #kind: BodyKind = "none";
  /** Of a body with a length. */
  #left = 0;
  #chunks: ChunkReader | undefined;

  /** `length` in bytes, where that is its kind; `close`: it ends with the connection. */
  begin(kind: BodyKind, length = 0, trailerLimits: HeadLimits = TRAILER_LIMITS): void {
    this.#kind = kind;
    this.#left = length;
    this.isWhole = kind === "none" || (kind === "length" && length === 0);
    if (kind === "chunked") (this.#chunks ??= new ChunkReader()).begin(trailerLimits);
  }

  /**
   * Gives the content of bytes[start..end) to `take`. Returns the offset behind what belongs to this body: less than `end`
   * only when it is whole. Throws WireError, with what came before the fault given.
   */
  decode(bytes: Buffer, start: number, end: number, take: TakeContent): number {
    if (this.isWhole || start === end) return start;
    if (this.#kind === "chunked" && this.#chunks) {
      const behind = this.#chunks.read(bytes, start, end, take);
      this.isWhole = this.#chunks.isWhole;
      return behind;
    }
    const to = this.#kind === "length" ? Math.min(end, start + this.#left) : end;
    this.#left -= to - start;
    this.isWhole = this.#kind === "length" && this.#left === 0;
    take.content(bytes, start, to);
    return to;
  }
}
