/** Bytes that a person can read, and a smaller case that shows the same. */
import type { Case } from "./reading.ts";

export function printable(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll("\\u00", "\\x");
  return escaped.replaceAll(/[\x7f-\xff]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Takes away what is not needed for it to differ: halves, then less and less. */
export function shrink(given: Case, differs: (smaller: Case) => boolean): Case {
  let { bytes } = given;
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < bytes.length;) {
      const smaller = bytes.slice(0, at) + bytes.slice(at + size);
      if (smaller.length < bytes.length && differs({ ...given, bytes: smaller })) bytes = smaller;
      else at += size;
    }
  }
  return { ...given, bytes };
}
