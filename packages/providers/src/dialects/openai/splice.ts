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
  const parts: Buffer[] = [];
  let kept = 0;
  for (const { start, end, bytes } of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(body.subarray(kept, start), bytes);
    kept = end;
  }
  parts.push(body.subarray(kept));
  return Buffer.concat(parts);
}
