/** What may be a key. Whatever a provider would refuse anyway, or a header cannot hold, is refused at load. */
import { SecretError, type SecretErrorCode } from "./errors.ts";

export const KEY_LIMIT_BYTES = 64 * 1024;

const printable = /^[\x20-\x7e]*$/;
const unprintable = /[^\x20-\x7e]/u;
const lineEnd = /\r\n?|\n/g;
const assignment = /^(?:export )?[A-Z_]*(?:KEY|TOKEN|SECRET)=[^=]/;

/**
 * The key, without the ASCII white space around it (a file ends with a line end, a pasted key with a space).
 * Throws SecretError, which shows no more of the text than a character that no key has.
 */
export function checkKey(source: string, text: string): string {
  const refuse = (code: SecretErrorCode, message: string, found: string, fix: string): never => {
    throw new SecretError(code, source, message, { found, fix });
  };
  if (text.length > KEY_LIMIT_BYTES) {
    refuse("SECRET_MALFORMED", "a key has at most 64 KiB", `${text.length} characters`, "is this the right file?");
  }
  const key = trim(text);
  if (key === "") {
    const found = text === "" ? "nothing" : "white space alone";
    return refuse("SECRET_EMPTY", "the key is empty", found, "put the key there");
  }
  if (!printable.test(key)) refuseCharacter(source, key);
  const quote = key.charAt(0);
  if (`"'\``.includes(quote) && key.endsWith(quote)) {
    refuse("SECRET_MALFORMED", "the quotes are part of the key", `${quote} at both ends`, "leave the quotes out");
  }
  if (/^bearer(?: |$)/i.test(key)) {
    const fix = "leave the word out: it is added where the provider wants it";
    refuse("SECRET_MALFORMED", "the word Bearer is part of the key", "a value that begins with Bearer", fix);
  }
  if (assignment.test(key)) {
    refuse("SECRET_MALFORMED", "this is an assignment, not a key", "NAME=value", "leave out all up to the first =");
  }
  return key;
}

function refuseCharacter(source: string, key: string): never {
  const lines = key.split(lineEnd).filter((line) => line.trim() !== "").length;
  if (lines > 1) {
    throw new SecretError("SECRET_MALFORMED", source, `a key is one line; this has ${lines}`, {
      found: `${lines} lines`,
      fix: "keep the one that is the key: a command with >> run twice adds a second line, > replaces the first",
    });
  }
  const character = unprintable.exec(key);
  const code = character?.[0].codePointAt(0) ?? 0;
  const kind = code < 0x80 ? "a control character" : "a character that is not ASCII";
  throw new SecretError("SECRET_MALFORMED", source, `a key is printable ASCII; this holds ${kind}`, {
    found: `U+${code.toString(16).toUpperCase().padStart(4, "0")} at character ${(character?.index ?? 0) + 1}`,
    fix: "copy the key again, as plain text",
  });
}

/** By hand, because a pattern for the white space at the end is quadratic and trim() takes Unicode's spaces too. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}
