/** Scalars that stand at many places: whole numbers, durations, names of headers. */
import { RE2JS } from "re2js";
import * as v from "valibot";
import { isHostname, parseListenAddress, parseTarget } from "../addresses.ts";
import { parseDuration } from "../duration.ts";
import { describeKind } from "../kind.ts";
import { message } from "../problem.ts";
import { parseSize, sizeFix } from "../size.ts";

/** A number, or digits: what a `$VARIABLE` gives is always text. */
export function wholeNumber(min: number, max: number) {
  const text = message("CONFIG_VALUE", `expected a whole number from ${min} to ${max}`);
  const wrongType = ({ input }: { readonly input: unknown }) =>
    message("CONFIG_TYPE", `expected a number, found ${describeKind(input)}`);
  const digits = v.pipe(v.string(), v.regex(/^\d{1,15}$/, text), v.transform(Number));
  return v.pipe(
    v.union([v.number(), digits], wrongType),
    v.integer(text),
    v.minValue(min, text),
    v.maxValue(max, text),
  );
}

/** A scalar that a function reads. `read` gives undefined for what it cannot take. */
export function readText<T>(read: (text: string) => T | undefined, expected: string, fix?: string) {
  const wrongType = ({ input }: { readonly input: unknown }) =>
    message("CONFIG_TYPE", `expected ${expected}, found ${describeKind(input)}`, fix);
  return v.pipe(
    v.string(wrongType),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: message("CONFIG_VALUE", `expected ${expected}`, fix) });
      return NEVER;
    }),
  );
}

/** Milliseconds. */
export const duration = readText(
  (text) => parseDuration(text),
  "a duration of at most 24 days",
  "write it like 500ms, 10s, 5m or 1h30m",
);

/** Milliseconds, at least one. */
export const timeout = readText(
  (text) => parseDuration(text) || undefined,
  "a duration of more than 0 and at most 24 days",
  "write it like 500ms, 10s, 5m or 1h30m; leave it out for no limit",
);

const maxLongTimeMs = 10 * 365 * 86_400_000;

/** Milliseconds, at least one, up to ten years: too many for a timer, to be compared with a clock. */
export const longTime = readText(
  (text) => parseDuration(text, maxLongTimeMs) || undefined,
  "a duration of more than 0 and at most 10 years",
  "write it like 30s, 12h or 90d; leave it out for no limit",
);

/** Bytes, up to 1 TiB. */
export const byteSize = v.pipe(
  v.union([v.number(), v.string()], ({ input }) =>
    message("CONFIG_TYPE", `expected a size, found ${describeKind(input)}`, sizeFix),
  ),
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const bytes = parseSize(String(dataset.value));
    if (bytes !== undefined) return bytes;
    addIssue({ message: message("CONFIG_VALUE", "expected a size of at most 1 TiB", sizeFix) });
    return NEVER;
  }),
);

/** In bytes, both ends included. */
export function sizeBetween(min: number, max: number) {
  const text = message("CONFIG_VALUE", `expected a size from ${min} to ${max} bytes`);
  return v.pipe(byteSize, v.minValue(min, text), v.maxValue(max, text));
}

export const listenAddress = v.pipe(
  v.string(),
  v.check((text) => !text.startsWith("unix:"), message("CONFIG_NOT_SUPPORTED", "a Unix socket is not supported yet")),
  readText(
    (text) => (text === "off" || text.startsWith("unix:") ? ("off" as const) : parseListenAddress(text)),
    "an address with a port, or off",
    "write it like 127.0.0.1:15000, localhost:15000 or [::]:15000",
  ),
);

/** `host:port` of an upstream. */
export const target = v.pipe(
  v.string(),
  v.check((text) => !text.startsWith("unix:"), message("CONFIG_NOT_SUPPORTED", "a Unix socket is not supported yet")),
  readText(
    (text) => (text.startsWith("unix:") ? text : parseTarget(text)),
    "a host with a port",
    "write it like api.example.com:443: no https:// in front, no path behind; port 443 means TLS",
  ),
);

/** Exact, or `*.example.com`; in lower case. */
export const hostname = readText(
  (text) => (isHostname(text.replace(/^\*\./, "")) ? text.toLowerCase() : undefined),
  "a host name, without scheme and port",
  "write it like api.example.com or *.example.com; leave it out for every host",
);

/** RFC 9110 token; in lower case, since names of headers have no case. */
export const headerName = readText(
  (text) => (isToken(text) ? text.toLowerCase() : undefined),
  "the name of a header",
  "use letters, digits and - only",
);

/** RFC 9110 field value. */
export const headerValue = v.pipe(
  v.string(),
  v.check(isFieldValue, message("CONFIG_VALUE", "expected printable text without spaces around it")),
);

/** Path on a server, as it is sent; a query may follow. */
export const urlPathAndQuery = v.pipe(
  v.string(),
  v.check((text) => text.startsWith("/"), message("CONFIG_VALUE", "a path begins with /")),
  v.check(
    (text) => /^[!-~]*$/.test(text),
    message("CONFIG_VALUE", "a path has no spaces and no letters beyond ASCII", "percent-encode them"),
  ),
  v.check((text) => !text.includes("#"), message("CONFIG_VALUE", "no server is sent what follows a #", "leave it out")),
);

/** Path on a server, as it is sent. */
export const urlPath = v.pipe(
  urlPathAndQuery,
  v.check(
    (text) => !text.includes("?"),
    message("CONFIG_VALUE", "a query is no part of a path", "leave out the ? and what follows"),
  ),
);

/** RE2 syntax: matched in linear time, so that no request can make it hang. */
export const regex = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      RE2JS.compile(dataset.value);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : "";
      const fix = "RE2 syntax: no look-around, no back-references";
      addIssue({ message: message("CONFIG_VALUE", `not a regular expression: ${reason}`, fix) });
    }
  }),
);

export const nonEmptyText = v.pipe(v.string(), v.nonEmpty(message("CONFIG_VALUE", "expected text that is not empty")));

export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

function isFieldValue(text: string): boolean {
  return /^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$/.test(text);
}

/** Stands before a value in a header; may end with a space. */
export const prefix = v.pipe(
  v.string(),
  v.check((text) => /^(?:[!-~][ -~]*)?$/.test(text), message("CONFIG_VALUE", "expected printable ASCII text")),
);

/** RFC 9110 token: the name of a cookie. */
export const token = v.pipe(
  v.string(),
  v.check(isToken, message("CONFIG_VALUE", "expected a name", "use letters, digits, - and _ only")),
);
