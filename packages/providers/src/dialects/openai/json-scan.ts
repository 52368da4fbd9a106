/** Finds members of a JSON object by their place in the bytes, and checks the whole text (RFC 8259) on the way. */
import { BodyError } from "../../errors.ts";
import {
  BACKSLASH,
  BRACE_CLOSE,
  BRACE_OPEN,
  BRACKET_CLOSE,
  BRACKET_OPEN,
  COLON,
  COMMA,
  DOT,
  LETTER_F,
  LETTER_N,
  LETTER_T,
  MINUS,
  PLUS,
  QUOTE,
  ZERO,
  isDigit,
  skipSpace,
} from "./json-bytes.ts";

/** Bounds what a parser behind us may have to bear; no call nests nearly as deep. */
const depthLimit = 512;

export interface JsonMember {
  readonly name: string;
  /** The value's first byte, and the one after its last. */
  readonly start: number;
  readonly end: number;
}

export interface JsonObject {
  /** The byte after `{`. */
  readonly inside: number;
  readonly isEmpty: boolean;
  /** Members of the names asked for, in order, however the name is spelt; duplicates are all there. */
  readonly members: readonly JsonMember[];
}

/** Names of members, by their length. */
export type WantedNames = readonly (readonly string[] | undefined)[];

/** Of ASCII. To be made once. */
export function wantedNames(...names: readonly string[]): WantedNames {
  const longest = Math.max(...names.map(({ length }) => length));
  return Array.from({ length: longest + 1 }, (_, length) => {
    const alike = names.filter((name) => name.length === length);
    return alike.length === 0 ? undefined : alike;
  });
}

/**
 * Reads the object that is the whole of `json`, but for white space. That the bytes are UTF-8 is for the caller to check.
 * Throws BodyError: INVALID_JSON, JSON_TOO_DEEP, and NOT_AN_OBJECT for any other valid value.
 */
export function scanObject(json: Buffer, wanted: WantedNames): JsonObject {
  const open = skipSpace(json, 0);
  if (json[open] !== BRACE_OPEN) {
    expectEnd(json, skipValue(json, open, 0));
    throw new BodyError("NOT_AN_OBJECT", open, "expected a JSON object");
  }
  const inside = open + 1;
  const members: JsonMember[] = [];
  const end = scanMembers(json, open, wanted, (name, start, end) => void members.push({ name, start, end }));
  expectEnd(json, end);
  return { inside, isEmpty: json[skipSpace(json, inside)] === BRACE_CLOSE, members };
}

/** Gets a member whose name is wanted: its value is json[start..end). */
export type TakeMember = (name: string, start: number, end: number) => void;

/**
 * Reads the object that begins at `open`, which has to be a brace, whatever comes behind it. Returns the place after it.
 * Throws BodyError: INVALID_JSON, JSON_TOO_DEEP.
 */
export function scanMembers(json: Buffer, open: number, wanted: WantedNames, take: TakeMember): number {
  let at = skipSpace(json, open + 1);
  if (json[at] === BRACE_CLOSE) return at + 1;
  for (;;) {
    const nameStart = at;
    const nameEnd = skipName(json, at);
    const start = skipColon(json, nameEnd);
    const end = skipValue(json, start, 1);
    const name =
      plainName(wanted[nameEnd - nameStart - 2], json, nameStart + 1) ?? escapedName(wanted, json, nameStart, nameEnd);
    if (name !== undefined) take(name, start, end);
    at = skipSpace(json, end);
    if (json[at] === BRACE_CLOSE) return at + 1;
    if (json[at] !== COMMA) fail(at);
    at = skipSpace(json, at + 1);
  }
}

/**
 * The elements of the array that begins at `open`, in order, until `each` returns false. For text that `scanObject` has
 * passed; a value that is no array has none.
 */
export function scanElements(json: Buffer, open: number, each: (start: number, end: number) => boolean): void {
  if (json[open] !== BRACKET_OPEN) return;
  let at = skipSpace(json, open + 1);
  while (json[at] !== BRACKET_CLOSE) {
    const end = skipValue(json, at, 1);
    if (!each(at, end)) return;
    at = skipSpace(json, end);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
}

/** Those of one length, of which one may stand there. */
function plainName(names: readonly string[] | undefined, json: Buffer, start: number): string | undefined {
  if (names) for (const name of names) if (isName(name, json, start)) return name;
  return undefined;
}

function isName(name: string, json: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (json[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** The longest escape (`\u0065`) takes six bytes a character. */
function escapedName(wanted: WantedNames, json: Buffer, start: number, end: number): string | undefined {
  const isPlain = skipPlain(json, start + 1) === end - 1;
  if (isPlain || end - start - 2 > 6 * wanted.length) return undefined;
  const text: unknown = JSON.parse(json.toString("latin1", start, end));
  return typeof text === "string" ? wanted[text.length]?.find((name) => name === text) : undefined;
}

// Which of the open values, outermost first, are objects. One for all calls: a scan is synchronous.
const isObject = new Uint8Array(depthLimit + 1);

/** Returns the place after the value. `depth` is that of the value itself. */
function skipValue(json: Buffer, start: number, depth: number): number {
  const outside = depth;
  let at = start;
  for (;;) {
    const first = json[at];
    if (first === BRACE_OPEN || first === BRACKET_OPEN) {
      if (depth === depthLimit) throw new BodyError("JSON_TOO_DEEP", at, `JSON is nested deeper than ${depthLimit}`);
      const object = first === BRACE_OPEN;
      isObject[depth++] = object ? 1 : 0;
      at = skipSpace(json, at + 1);
      if (json[at] !== (object ? BRACE_CLOSE : BRACKET_CLOSE)) {
        if (object) at = skipColon(json, skipName(json, at));
        continue;
      }
      depth--;
      at++;
    } else at = skipScalar(json, at);

    // After a value: close what ends here, then go on to the next.
    for (;;) {
      if (depth === outside) return at;
      at = skipSpace(json, at);
      const object = isObject[depth - 1] === 1;
      const next = json[at++];
      if (next === COMMA) {
        at = skipSpace(json, at);
        if (object) at = skipColon(json, skipName(json, at));
        break;
      }
      if (next !== (object ? BRACE_CLOSE : BRACKET_CLOSE)) fail(at - 1);
      depth--;
    }
  }
}

function skipScalar(json: Buffer, at: number): number {
  switch (json[at] ?? 0) {
    case QUOTE:
      return skipString(json, at + 1);
    case LETTER_T:
      return skipWord(json, at, "true");
    case LETTER_F:
      return skipWord(json, at, "false");
    case LETTER_N:
      return skipWord(json, at, "null");
    default:
      return skipNumber(json, at);
  }
}

function skipWord(json: Buffer, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (json[at + i] !== word.charCodeAt(i)) fail(at);
  return at + word.length;
}

function skipNumber(json: Buffer, start: number): number {
  let at = start;
  if (json[at] === MINUS) at++;
  at = json[at] === ZERO ? at + 1 : skipDigits(json, at);
  if (json[at] === DOT) at = skipDigits(json, at + 1);
  if (json[at] === 0x65 || json[at] === 0x45) {
    at++;
    if (json[at] === MINUS || json[at] === PLUS) at++;
    at = skipDigits(json, at);
  }
  return at;
}

/** One at least. */
function skipDigits(json: Buffer, start: number): number {
  let at = start;
  while (isDigit(json[at] ?? 0)) at++;
  if (at === start) fail(at);
  return at;
}

function skipName(json: Buffer, at: number): number {
  if (json[at] !== QUOTE) fail(at);
  return skipString(json, at + 1);
}

function skipColon(json: Buffer, start: number): number {
  const at = skipSpace(json, start);
  if (json[at] !== COLON) fail(at);
  return skipSpace(json, at + 1);
}

/** From the byte after the opening quote to the one after the closing quote. */
function skipString(json: Buffer, start: number): number {
  for (let at = start; ;) {
    at = skipPlain(json, at);
    const byte = json[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) fail(at);
    at = IS_ESCAPED[json[at + 1] ?? 0] === 1 ? at + 2 : skipUnicode(json, at + 1);
  }
}

/** To the next byte that means something within a string, or must not be there: nearly all of a body is passed here. */
function skipPlain(json: Buffer, start: number): number {
  const { length } = json;
  let at = start;
  while (at < length && IS_PLAIN[json[at] ?? 0] === 1) at++;
  return at;
}

function skipUnicode(json: Buffer, at: number): number {
  if (json[at] !== LETTER_U) fail(at);
  for (let i = at + 1; i < at + 5; i++) if (!isHexadecimal(json[i] ?? 0)) fail(i);
  return at + 5;
}

/** 1 for each byte that is none of `"`, `\`, and the control characters. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (byte < 0x20 || byte === 0x22 || byte === 0x5c ? 0 : 1));
/** 1 for each byte that may follow a backslash, but for `u`. */
const IS_ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
const LETTER_U = 0x75;

function expectEnd(json: Buffer, start: number): void {
  const at = skipSpace(json, start);
  if (at !== json.length) fail(at);
}

function fail(at: number): never {
  throw new BodyError("INVALID_JSON", at, "the body is no valid JSON");
}

function isHexadecimal(byte: number): boolean {
  const letter = byte | 0x20;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}
