/** Reads a head as its bytes may come: in pieces, each in a buffer that is used again at once. */
import { expect } from "vitest";
import { WireError } from "../src/errors.ts";
import type { HeadLimits, HeadReader } from "../src/syntax/head-reader.ts";

const LIMITS: HeadLimits = { headBytes: 64 * 1024, headers: 1000 };

/** The offset behind the head; -1: more has to come. Throws WireError. */
export function readInPieces(head: HeadReader, text: string, size = text.length, limits = LIMITS): number {
  for (let start = 0; start < text.length; start += size) {
    // What lies around is not the connection's, and looks as if it were.
    const piece = Buffer.from(`\r\n\r\n${text.slice(start, start + size)}\r\n\r\n`, "latin1");
    const behind = head.read(piece, 4, piece.length - 4, limits);
    piece.fill(0xdb);
    if (behind !== -1) return start + behind - 4;
  }
  return -1;
}

/** `code`: that of the error, `taken`, or `more`: more has to come. However it is cut. */
export function expectCode(make: () => HeadReader, text: string, code: string, limits = LIMITS): void {
  for (const size of [text.length, 1, 2, 7]) expect(codeOf(make(), text, size, limits), `by ${size}`).toBe(code);
}

function codeOf(head: HeadReader, text: string, size: number, limits: HeadLimits): string {
  try {
    return readInPieces(head, text, size, limits) === -1 ? "more" : "taken";
  } catch (error) {
    if (!WireError.is(error)) throw error;
    return error.code;
  }
}
