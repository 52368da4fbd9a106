/** Hashes that every replica computes alike. They spread keys and find entries; nothing is secret or proven by them. */

/** 64 bits of a text, in two halves. Filled anew by each call, so that the way of a request allocates nothing. */
export interface Hash {
  first: number;
  second: number;
}

/** cyrb53 by bryc (public domain): two mixed multiplications a character. The seed carries on from another text's hash. */
export function hashText(text: string, into: Hash, seed = 0): Hash {
  let first = 0xdeadbeef ^ seed;
  let second = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    first = Math.imul(first ^ code, 0x9e3779b1);
    second = Math.imul(second ^ code, 0x5f356495);
  }
  into.first = mix(first ^ Math.imul(second ^ (second >>> 13), 0xc2b2ae3d));
  into.second = mix(second ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae3d));
  return into;
}

/** Murmur3's last step: every bit of the outcome hangs on every bit of the input. */
export function mix(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
