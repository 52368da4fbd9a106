/** Makes text from a config fit to be shown: no key, no control character, no endless line. */

/** Known beginnings of keys, and any long word of letters mixed with digits. */
const keyLike =
  /(?<![\w-])(?:(?:sk|pk|rk|gsk|xai|pplx|hf|r8|ghp|gho|ghu|ghs|github_pat|AKIA|AIza|ya29|eyJ)[-_.\w]{8,}|(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[\w+=-]{24,})/g;

/** Blots out what looks like a key, wherever it stands. */
export function maskKeyLike(text: string): string {
  return text.replace(keyLike, blot);
}

export function blot(text: string): string {
  // Lines stay lines, and their indentation what it is.
  return text.includes("\n") ? text.replace(/\S/g, "*") : "*".repeat(text.length);
}

/** One column a letter, nothing that a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/[\t\r]/g, " ").replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "?");
}

/** A name in the middle of a message. */
export function showName(name: string): string {
  return printable(maskKeyLike(shorten(name, 60)));
}

export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}
