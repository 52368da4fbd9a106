/** The grammar of a template: `$VAR`, `${VAR}`, `${VAR:-default}`, and `$$` for a dollar sign. */
import { InterpolateError } from "./errors.ts";

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "variable";
      readonly name: string;
      /** Used when the variable is unset or empty. Literal: `$` in it is a dollar sign. */
      readonly fallback?: string;
      /** Where the reference begins, in UTF-16 code units. */
      readonly offset: number;
      readonly length: number;
    };

// Alternatives: `$$`, `$VAR`, `${VAR}` or `${VAR:-default}`, any other `${`. A `$` that fits none of them stays as it is.
// Linear: only a well formed reference is longer than it takes to read it, and the last alternative ends the walk.
const reference =
  /\$(?:(?<dollar>\$)|(?<bare>[A-Za-z_][A-Za-z0-9_]*)|\{(?<braced>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?\}|(?<bad>\{))/g;

/**
 * Splits a text into literal parts and variables. Literal parts hold what is to be printed: `$$` is one dollar sign in
 * them. Throws InterpolateError TEMPLATE_SYNTAX for any other `${...}`.
 */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = "";
  let end = 0;
  for (const match of text.matchAll(reference)) {
    const { bare, braced, dollar, fallback, bad } = match.groups ?? {};
    if (bad !== undefined) throw malformed(text, match.index);
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    const name = bare ?? braced;
    if (name === undefined) {
      literal += dollar;
      continue;
    }
    if (literal !== "") parts.push({ kind: "text", text: literal });
    literal = "";
    const place = { offset: match.index, length: match[0].length };
    parts.push({ kind: "variable", name, ...place, ...(fallback === undefined ? {} : { fallback }) });
  }
  literal += text.slice(end);
  if (literal !== "") parts.push({ kind: "text", text: literal });
  return parts;
}

/**
 * Whether a text names a variable, or begins to (`${` of any form): true means that `interpolate()` has something to do
 * or to complain about. A text whose only dollar signs are `$$` or literal ones has none. Never throws.
 */
export function hasVariables(text: string): boolean {
  for (const match of text.matchAll(reference)) {
    if (match.groups?.["dollar"] === undefined) return true;
  }
  return false;
}

function malformed(text: string, offset: number): InterpolateError {
  const close = text.indexOf("}", offset);
  const length = (close === -1 ? text.length : close + 1) - offset;
  const found = close === -1 ? "'${' is never closed" : "this is no variable";
  return new InterpolateError(
    "TEMPLATE_SYNTAX",
    `${found}; expected \${NAME} or \${NAME:-default}, or $$ for a dollar sign`,
    { offset, length },
  );
}
