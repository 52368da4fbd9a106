/** Text from strangers, made safe for one line and for a terminal. */

// Control characters (C0, DEL, C1: ANSI escapes begin with one), line and paragraph separators, bidirectional overrides,
// and halves of surrogate pairs.
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;
const SAFE_IN_QUOTES = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const BARE = /^[\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]+$/;

/** A JSON string literal whose characters are all harmless; `JSON.parse` gives the text back. */
export function quoted(text: string): string {
  // Nearly every value is plain ASCII: one test then saves the escaping.
  return SAFE_IN_QUOTES.test(text) ? `"${text}"` : JSON.stringify(text).replace(UNSAFE, escaped);
}

/** A value as logfmt has it: bare where nothing in it can be misread, else a JSON string. */
export function logfmtValue(text: string): string {
  return BARE.test(text) ? text : quoted(text);
}

/** A name as logfmt has it: what could be misread becomes `_`. */
export function logfmtKey(text: string): string {
  return BARE.test(text) ? text : text.replace(/[^\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]/g, "_") || "_";
}

/** Text for people, with its spaces and letters; only what could break the line or the terminal is escaped. */
export function plain(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** JSON of any value, harmless and on one line. What cannot be written as JSON is described; it never throws. */
export function jsonText(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  try {
    return JSON.stringify(value, describeOddities)?.replace(UNSAFE, escaped) ?? "null";
  } catch {
    return '"[not serializable]"';
  }
}

function describeOddities(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
