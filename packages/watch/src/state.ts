/** What a path may hold, and what looks as if somebody were still writing it. */
import { codeOf } from "./errors.ts";

export type FileState =
  | {
      readonly kind: "content";
      readonly bytes: Uint8Array;
      /** Milliseconds since the epoch, as the file system has it. */
      readonly modifiedAt: number;
    }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly error: Error };

const LINE_FEED = 0x0a;

/** By content: a file written again with the same bytes has not changed. */
export function sameState(one: FileState, other: FileState): boolean {
  if (one.kind === "content") return other.kind === "content" && Buffer.compare(one.bytes, other.bytes) === 0;
  if (one.kind === "missing") return other.kind === "missing";
  return other.kind === "unreadable" && codeOf(one.error) === codeOf(other.error);
}

/** As a file is between being truncated and being written. */
export function isEmpty(state: FileState): boolean {
  return state.kind === "content" && state.bytes.length === 0;
}

/** As a text is that has been written in part. */
export function losesLineEnd(next: FileState, before: Uint8Array | undefined): boolean {
  return next.kind === "content" && before?.at(-1) === LINE_FEED && next.bytes.at(-1) !== LINE_FEED;
}
