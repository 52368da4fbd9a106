/**
 * Whether one of many patterns stands in bytes, at a look at every so-many-th of them: the algorithm of S. Wu and U. Manber,
 * "A fast algorithm for multi-pattern searching" (1994).
 */

/** What is looked at together. */
const BLOCK = 3;
const HASHES = 1 << 16;
const FURTHEST = 255;

/**
 * Patterns are of `BLOCK` bytes at least; the shortest of them says how far a look reaches. Returns what tells whether any of
 * them stands in the bytes.
 */
export function compileSearch(patterns: readonly Uint8Array[]): (bytes: Uint8Array) => boolean {
  // All are looked for by their beginnings, which are of one length.
  const length = patterns.reduce((least, pattern) => Math.min(least, pattern.length), FURTHEST);
  const shifts = new Uint8Array(HASHES).fill(length - BLOCK + 1);
  const endings = new Map<number, Uint8Array[]>();
  for (const pattern of patterns) {
    for (let end = BLOCK; end <= length; end++) {
      const hash = hashAt(pattern, end);
      shifts[hash] = Math.min(shifts[hash] ?? 0, length - end);
    }
    const ending = hashAt(pattern, length);
    const alike = endings.get(ending);
    if (alike) alike.push(pattern);
    else endings.set(ending, [pattern]);
  }
  return (bytes) => {
    for (let end = length; end <= bytes.length;) {
      const hash = hashAt(bytes, end);
      const shift = shifts[hash] ?? 0;
      if (shift === 0 && endings.get(hash)?.some((pattern) => standsAt(pattern, bytes, end - length)) === true)
        return true;
      end += shift || 1;
    }
    return false;
  };
}

/** Of the block before `end`. */
function hashAt(bytes: Uint8Array, end: number): number {
  return (((bytes[end - 3] ?? 0) << 10) ^ ((bytes[end - 2] ?? 0) << 5) ^ (bytes[end - 1] ?? 0)) & (HASHES - 1);
}

function standsAt(pattern: Uint8Array, bytes: Uint8Array, start: number): boolean {
  if (start + pattern.length > bytes.length) return false;
  for (let index = 0; index < pattern.length; index++) if (bytes[start + index] !== pattern[index]) return false;
  return true;
}
