/** Bytes written into a body at given places, every other byte kept. */

export interface Edit {
  /** The bytes from `start` to `end` are replaced; none are if both are the same. */
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

/** Edits do not overlap; two at one place follow each other in the order given. Without any, the same body comes back. */
export function splice(body: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return body;
  const inOrder = isSorted(edits) ? edits : [...edits].sort((a, b) => a.start - b.start);
  let length = body.length;
  for (const { start, end, bytes } of edits) length += bytes.length - (end - start);
  const spliced = Buffer.allocUnsafe(length);
  let kept = 0;
  let at = 0;
  for (const { start, end, bytes } of inOrder) {
    at += body.copy(spliced, at, kept, start);
    at += bytes.copy(spliced, at);
    kept = end;
  }
  body.copy(spliced, at, kept);
  return spliced;
}

function isSorted(edits: readonly Edit[]): boolean {
  let last = 0;
  for (const { start } of edits) {
    if (start < last) return false;
    last = start;
  }
  return true;
}
