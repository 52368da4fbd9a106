/** How one value is matched: exact, by a regular expression in linear time, or by a host name with a wildcard. */
import { RE2JS } from "re2js";
import type { NamedMatch } from "./definition.ts";
import { DefinitionError } from "./errors.ts";

export type ValueMatcher = (value: string) => boolean;

/** The expression must match the whole value. RE2 syntax: no back references, no look-around, linear time. */
export function compileRegex(source: string): ValueMatcher {
  try {
    const pattern = RE2JS.compile(source);
    return (value) => pattern.matches(value);
  } catch (cause) {
    throw new DefinitionError("INVALID_REGEX", `not a regular expression that RE2 knows: ${source}`, { cause });
  }
}

export function compileValue(value: NamedMatch["value"]): ValueMatcher {
  if ("regex" in value) return compileRegex(value.regex);
  const { exact } = value;
  return (candidate) => candidate === exact;
}

/** Rank of a host name pattern for a host: 0 no match; an exact name beats the longest wildcard beats none. */
export function hostRank(pattern: string | undefined, hostname: string | undefined): number {
  if (pattern === undefined) return 1;
  if (hostname === undefined) return 0;
  if (pattern === hostname) return Number.MAX_SAFE_INTEGER;
  // "*.example.com" stands for one label or more, never for the bare domain.
  if (pattern.startsWith("*") && hostname.length >= pattern.length && hostname.endsWith(pattern.slice(1))) {
    return 1 + pattern.length;
  }
  return 0;
}
