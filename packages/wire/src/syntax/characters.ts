/** Which bytes may stand where in a message (RFC 9110 section 5.6, RFC 9112 sections 3 to 5). */

const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;

/** 1 for each byte that belongs to it. */
export type ByteSet = Readonly<Uint8Array>;

/** Names of fields and methods: `tchar`. */
export const TOKEN: ByteSet = bytesOf((byte) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)));
/** The same in lower case alone. */
export const LOWER_TOKEN: ByteSet = bytesOf((byte) => TOKEN[byte] === 1 && !(byte >= 0x41 && byte <= 0x5a));
/** Values of fields and reasons: all but control characters, of which a tab alone is left. */
export const TEXT: ByteSet = bytesOf((byte) => byte === TAB || (byte >= SPACE && byte !== 0x7f));
/** Targets: what can be seen of ASCII. */
export const VISIBLE: ByteSet = bytesOf((byte) => byte > SPACE && byte < 0x7f);

function bytesOf(belongs: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (belongs(byte) ? 1 : 0));
}

/** The first offset from `from` on whose byte does not belong to the set; `to` where all do. */
export function skip(set: ByteSet, bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && set[bytes[at] ?? 0] === 1) at += 1;
  return at;
}

export function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

/** Spaces and tabs alone, and in one pass: what `trim` takes off besides is part of a word here. */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}
