/** Whether every server reads a path in the same way. */

// Servers differ in what they decode before they look: an escape of an unreserved character, of a delimiter or of `%`
// itself may become another path on the way.
const ambiguousEscape = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  const character = String.fromCharCode(code);
  if (code < 0x20 || code === 0x7f || /[\w.~\-/\\%;?#]/.test(character)) ambiguousEscape[code] = 1;
}

/**
 * True for an absolute path without dot segments, empty segments (a last one may be empty), backslashes, semicolons,
 * control or non-ASCII characters, and without an escape that a server might decode to any of these or to a plain letter.
 * `%2F`, an escaped slash, passes only where `allowEscapedSlash` says so, and then separates segments as a slash does.
 */
export function isPlainPath(path: string, allowEscapedSlash = false): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  let segmentStart = 1;
  let dotsOnly = true; // as far as this segment goes
  for (let i = 1; i < path.length; i++) {
    let code = path.charCodeAt(i);
    let next = i;
    if (code === PERCENT) {
      code = escapedByte(path, i + 1);
      if (code === SLASH && allowEscapedSlash) next = i + 2;
      else if (code === -1 || ambiguousEscape[code] === 1) return false;
      else code = ESCAPED;
    }
    if (code === SLASH) {
      if (dotsOnly && i - segmentStart < 3) return false;
      segmentStart = next + 1;
      dotsOnly = true;
    } else if (
      code <= 0x20 ||
      code === SEMICOLON ||
      code === BACKSLASH ||
      code === QUESTION ||
      code === HASH ||
      code > 0x7e
    ) {
      return false;
    } else if (code !== DOT) dotsOnly = false;
    i = next;
  }
  const length = path.length - segmentStart;
  return !dotsOnly || length === 0 || length > 2;
}

const SLASH = 0x2f;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const QUESTION = 0x3f;
const HASH = 0x23;
const DOT = 0x2e;
/** Stands for any harmless escape: it is neither a dot nor a slash. */
const ESCAPED = 0x5f;

/** Of two hexadecimal digits, -1 if they are none. */
function escapedByte(path: string, at: number): number {
  const high = hexadecimal(path.charCodeAt(at));
  const low = hexadecimal(path.charCodeAt(at + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexadecimal(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
