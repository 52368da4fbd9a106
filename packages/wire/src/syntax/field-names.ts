/** Names of fields as strings that are there already: the same few come with every head. */

/** A name as it was sent, and in lower case. */
export interface FieldName {
  readonly name: string;
  readonly lower: string;
}

/** A power of two. What strangers send may crowd a name out, which costs no more than to make it anew. */
const SLOTS = 1024;
/** Longer ones are made anew. */
const LONGEST = 64;

const known: (FieldName | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

/** That of bytes[from..to), of which there is one at least. */
export function fieldName(bytes: Buffer, from: number, to: number): FieldName {
  const length = to - from;
  if (length > LONGEST) return made(bytes, from, to);
  const slot =
    (length * 61 + byteAt(bytes, from) * 31 + byteAt(bytes, to - 1) * 7 + byteAt(bytes, from + (length >> 1))) % SLOTS;
  const found = known[slot];
  if (found !== undefined && isWritten(found.name, bytes, from, length)) return found;
  return (known[slot] = made(bytes, from, to));
}

/** A string of its own: one that was cut out of a head would keep the whole head in memory. */
function made(bytes: Buffer, from: number, to: number): FieldName {
  const name = bytes.toString("latin1", from, to);
  return { name, lower: name.toLowerCase() };
}

function isWritten(name: string, bytes: Buffer, from: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (name.charCodeAt(index) !== bytes[from + index]) return false;
  return true;
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0;
}
