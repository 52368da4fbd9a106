/** How long to wait, from whatever a provider writes it in: seconds, dates, durations, plain words. */
import type { HeaderList } from "../headers.ts";
import type { ErrorDetails } from "./error-body.ts";

const longestMs = 366 * 86_400_000;

/** Milliseconds, not negative and at most a year. Undefined: no such header, no such form. */
export type Wait = number | undefined;

/**
 * The latest of what the answer names: `retry-after-ms`, `Retry-After` (RFC 9110, 10.2.3), the reset of whatever has nothing
 * remaining, Google's RetryInfo, the text. Where there is none of these, the earliest reset.
 */
export function readWait(headers: HeaderList, error: ErrorDetails, now: number): Wait {
  const named = [
    milliseconds(headers.get("retry-after-ms")),
    milliseconds(headers.get("x-ms-retry-after-ms")),
    parseWait(headers.get("retry-after"), now),
    parseWait(error.retryDelay, now),
    waitInText(error.message),
  ];
  const resets = readResets(headers, now);
  for (const reset of resets) if (reset.remaining === 0) named.push(reset.resetMs);
  return latest(named) ?? earliest(resets.map(({ resetMs }) => resetMs));
}

/**
 * A wait in any unit that providers use: plain seconds, Go's and protobuf's durations (`6m0s`, `12ms`, `3.5s`), RFC 3339 and
 * HTTP dates, epoch seconds and epoch milliseconds, told apart by their size.
 */
export function parseWait(text: string | undefined, now: number): Wait {
  const value = text?.trim() ?? "";
  if (value === "" || value.length > 64) return undefined;
  if (/^\+?\d+(?:\.\d*)?$/.test(value)) return ofNumber(Number(value), now);
  const duration = parseDuration(value);
  if (duration !== undefined) return duration;
  // Only these two forms: Date.parse takes almost anything for a date.
  return /^\d{4}-\d\d-\d\dT|^[A-Z][a-z]{2,8}, /.test(value) ? bounded(Date.parse(value) - now) : undefined;
}

/** `1h2m3.5s`, `20ms`; a number and a unit at least. */
function parseDuration(text: string): Wait {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|d|h|m|s))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)/g)) {
    sum += Number(number) * (unitMs.get(unit ?? "") ?? 0);
  }
  return bounded(sum);
}

/** "try again in 1.2s", "Please retry after 37 seconds", "retry in 10h17m5.7s". */
function waitInText(text: string): Wait {
  const match = /(?:try again|retry)(?: again)? (?:in|after) ((?:\d+(?:\.\d+)? ?[a-zµ]+ ?){1,4})/i.exec(text);
  if (match === null) return undefined;
  let sum: Wait;
  for (const [, number, word] of (match[1] ?? "").matchAll(/(\d+(?:\.\d+)?) ?([a-zµ]+)/gi)) {
    const unit = unitMs.get(unitOf(word ?? ""));
    // "retry after 2 seconds or use 3 keys": what is no unit ends the time.
    if (unit === undefined) break;
    sum = (sum ?? 0) + Number(number) * unit;
  }
  return bounded(sum);
}

export interface Reset {
  /** What is limited: `requests`, `tokens`, `requests-day`; empty where the header does not say. */
  readonly name: string;
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  readonly resetMs: number;
}

/** Each limit whose reset a header tells. Azure's Responses API tells 0 and -1 of a `limit` that it does not count: left out. */
export function readResets(headers: HeaderList, now: number): Reset[] {
  const found: Reset[] = [];
  for (const [header, value] of headers) {
    const place = placeOf(header);
    if (place === undefined) continue;
    const resetMs = parseWait(value, now);
    if (resetMs === undefined) continue;
    const limit = number(headers.get(place.limit));
    if (limit !== undefined && limit <= 0) continue;
    found.push({ name: place.name, limit, remaining: number(headers.get(place.remaining)), resetMs });
  }
  return found;
}

interface Place {
  readonly name: string;
  readonly limit: string;
  readonly remaining: string;
}

/** `x-ratelimit-reset-tokens` as OpenAI has it, `anthropic-ratelimit-tokens-reset` as Anthropic has it. */
function placeOf(header: string): Place | undefined {
  const after = /^(x-ratelimit-)reset(-[a-z-]+)?$/.exec(header);
  if (after !== null) {
    const [, prefix = "", name = ""] = after;
    return { name: name.slice(1), limit: `${prefix}limit${name}`, remaining: `${prefix}remaining${name}` };
  }
  const before = /^(anthropic-ratelimit-|x-ratelimit-)([a-z-]+?)-reset$/.exec(header);
  if (before === null) return undefined;
  const [, prefix = "", name = ""] = before;
  return { name, limit: `${prefix}${name}-limit`, remaining: `${prefix}${name}-remaining` };
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

function unitOf(word: string): string {
  const lower = word.toLowerCase();
  if (lower.startsWith("millisecond")) return "ms";
  return /^(?:sec|min|hour|hr|day)/.test(lower) ? lower.charAt(0) : lower;
}

/** Seconds, unless it is so large that it must be a moment. */
function ofNumber(value: number, now: number): Wait {
  if (value > 1e12) return bounded(value - now);
  return value > 1e9 ? bounded(value * 1_000 - now) : bounded(value * 1_000);
}

function milliseconds(text: string | undefined): Wait {
  return bounded(number(text));
}

/** Undefined for no number; a header may hold anything. */
function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*-?\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}

function bounded(ms: Wait): Wait {
  return ms === undefined || Number.isNaN(ms) ? undefined : Math.min(Math.max(Math.ceil(ms), 0), longestMs);
}

function latest(waits: readonly Wait[]): Wait {
  return waits.reduce<Wait>((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}

function earliest(waits: readonly Wait[]): Wait {
  return waits.reduce<Wait>((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
}
