/** The reports on keys as tables for people. */
import type { KeysCheck } from "./check-keys.ts";
import { columns, duration } from "./columns.ts";
import type { KeyReport, KeysReport, RefreshReport } from "./report.ts";

const UNKNOWN = "-";

const HEADS = [
  "NAME", "WHERE", "SOURCE", "FINGERPRINT", "VERSION", "AGE", "LAST USED", "LAST OK", "NEXT REFRESH",
  "REQUESTS", "TOKENS", "401", "429", "STATE",
]; // prettier-ignore

/** The state stands last, because what it says may be long. */
export function keysTable({ keys, at }: KeysReport): string {
  const now = Date.parse(at);
  const rows = keys.map((key) => [
    key.name,
    key.place,
    key.source,
    key.fingerprint ?? UNKNOWN,
    versionCell(key),
    key.ageSeconds === undefined ? UNKNOWN : duration(key.ageSeconds),
    sinceCell(key.lastUsed, now),
    sinceCell(key.lastSuccess, now),
    nextCell(key.refresh, now),
    count(key.usage?.requests),
    key.usage === undefined ? UNKNOWN : String(key.usage.inputTokens + key.usage.outputTokens),
    count(key.usage?.refused401),
    count(key.usage?.limited429),
    stateCell(key, now),
  ]);
  return columns([HEADS, ...rows]);
}

export function checkTable({ keys }: KeysCheck): string {
  const rows = keys.map((key) => [
    key.name,
    key.place,
    key.source,
    key.fingerprint ?? UNKNOWN,
    key.endpoint ?? UNKNOWN,
    key.authenticates,
    key.mayGenerate,
    key.detail,
  ]);
  return columns([
    ["NAME", "WHERE", "SOURCE", "FINGERPRINT", "ENDPOINT", "AUTHENTICATES", "MAY GENERATE", "DETAIL"],
    ...rows,
  ]);
}

function versionCell({ version, servingVersion }: KeyReport): string {
  if (version === undefined) return UNKNOWN;
  return servingVersion === undefined ? String(version) : `${version}, serves ${servingVersion}`;
}

function stateCell({ state, why, until, refresh, overdueSince, resting = [] }: KeyReport, now: number): string {
  const known = [
    until === undefined ? undefined : `for ${untilCell(until, now)}`,
    why,
    refresh?.state === "stale" && why !== refresh.reason ? `source stale: ${refresh.reason ?? "no reason"}` : undefined,
    overdueSince === undefined ? undefined : "older than maxAge",
    ...resting.map((rest) => `${rest.model || "no model"}: ${rest.state} for ${untilCell(rest.until, now)}`),
  ].filter((part) => part !== undefined);
  return known.length === 0 ? state : `${state} (${known.join("; ")})`;
}

function nextCell({ next, watched }: Partial<RefreshReport> = {}, now: number): string {
  if (next !== undefined) return `in ${untilCell(next, now)}`;
  return watched ? "watched" : UNKNOWN;
}

function sinceCell(moment: string | undefined, now: number): string {
  return moment === undefined ? UNKNOWN : `${duration((now - Date.parse(moment)) / 1000)} ago`;
}

function untilCell(moment: string, now: number): string {
  return duration((Date.parse(moment) - now) / 1000);
}

function count(value: number | undefined): string {
  return value === undefined ? UNKNOWN : String(value);
}
