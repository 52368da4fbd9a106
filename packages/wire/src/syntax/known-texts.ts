/** Texts that come with one head after the other, as strings that are there already. */

/** As it was sent, and in lower case. */
export interface KnownText {
  readonly text: string;
  readonly lower: string;
}

/** A power of two. What strangers send may crowd a text out, which costs no more than to make it anew. */
const SLOTS = 1024;
/** Longer ones are made anew. */
const LONGEST = 64;

const known: (KnownText | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

/** That of bytes[from..to). For names and addresses, never for what may be a secret: it stays. */
export function knownText(bytes: Buffer, from: number, to: number): KnownText {
  const length = to - from;
  if (length > LONGEST) return made(bytes, from, to);
  const slot =
    (length * 61 + byteAt(bytes, from) * 31 + byteAt(bytes, to - 1) * 7 + byteAt(bytes, from + (length >> 1))) % SLOTS;
  const found = known[slot];
  if (found !== undefined && isWritten(found.text, bytes, from, length)) return found;
  return (known[slot] = made(bytes, from, to));
}

/** A string of its own: one that was cut out of a head would keep the whole head in memory. */
function made(bytes: Buffer, from: number, to: number): KnownText {
  const text = bytes.toString("latin1", from, to);
  return { text, lower: text.toLowerCase() };
}

function isWritten(text: string, bytes: Buffer, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (text.charCodeAt(index) !== bytes[from + index]) return false;
  return true;
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0;
}
