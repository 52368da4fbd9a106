/** Expands the variables of a text, once: what a variable holds is never looked at again. */
import { InterpolateError } from "./errors.ts";
import { parseTemplate } from "./template.ts";

/**
 * Expands `$VAR`, `${VAR}`, `${VAR:-default}` and `$$`. The default also serves for a variable that is set but empty; with
 * no default an empty variable expands to nothing.
 * Throws InterpolateError: TEMPLATE_SYNTAX, or VARIABLE_UNSET with the variable and its place.
 */
export function interpolate(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes("$")) return text;
  let expanded = "";
  for (const part of parseTemplate(text)) {
    if (part.kind === "text") {
      expanded += part.text;
      continue;
    }
    const value = lookup(part.name);
    if (value === undefined && part.fallback === undefined) {
      const { name: variable, offset, length } = part;
      throw new InterpolateError("VARIABLE_UNSET", `${variable} is not set`, { variable, offset, length });
    }
    expanded += value || (part.fallback ?? "");
  }
  return expanded;
}
