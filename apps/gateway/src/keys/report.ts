/** `GET /keys`, and `keybearer keys --json`: every key with what is known of it, never its value. */
import type { KeyCondition, KeyView } from "@keybearer/keyring";
import type { SecretVersion } from "@keybearer/secrets";
import type { MetricsDelta } from "@keybearer/telemetry";
import type { LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import { usageByKey, type KeyUsage } from "./usage.ts";

/** All times are RFC 3339 in UTC. What is not known is left out. */
export interface KeysReport {
  /** `gateway`: as a running one holds them. `config`: read for this report alone, and nothing was asked of them. */
  readonly from: "gateway" | "config";
  /** The config, as it was named: `config.yaml`. */
  readonly config: string;
  readonly at: string;
  readonly keys: readonly KeyReport[];
}

/**
 * How a key stands with its provider, as the keyring has it; or `passthrough`: the caller's own token; `unreadable`: there is
 * no version to use; `readable`: nothing more is known; `notChecked`: it was left unread.
 */
export type KeyReportState = KeyCondition | "passthrough" | "unreadable" | "readable" | "notChecked";

export interface KeyReport {
  /** As in logs and metrics. */
  readonly name: string;
  /** `config.yaml:13:16`. */
  readonly place: string;
  /** The source's word, or `passthrough`. */
  readonly source: string;
  readonly state: KeyReportState;
  /** The rule of the last refusal, or why it cannot be read. */
  readonly why?: string | undefined;
  /** End of its rest, or its next probe. */
  readonly until?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Counts the values since the gateway's start. */
  readonly version?: number | undefined;
  /** The version that requests get, where it is not the newest. */
  readonly servingVersion?: number | undefined;
  /** The newest version that the provider has refused. */
  readonly refusedVersion?: number | undefined;
  /** When the value was put into its store, as far as the store tells. */
  readonly writtenAt?: string | undefined;
  /** When the gateway first had it. */
  readonly obtainedAt?: string | undefined;
  readonly expiresAt?: string | undefined;
  /** Since it was written, else obtained. */
  readonly ageSeconds?: number | undefined;
  /** Since when it is older than `maxAge`. */
  readonly overdueSince?: string | undefined;
  readonly lastUsed?: string | undefined;
  readonly lastSuccess?: string | undefined;
  readonly lastFailure?: string | undefined;
  readonly refresh?: RefreshReport | undefined;
  readonly scope?: string | undefined;
  readonly weight?: number | undefined;
  readonly models?: readonly string[] | undefined;
  readonly inFlight?: number | undefined;
  readonly maxConcurrent?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  /** Models that it is not used for now. */
  readonly resting?: readonly { readonly model: string; readonly state: string; readonly until: string }[] | undefined;
  readonly usage?: KeyUsage | undefined;
}

/** How its source fares. `stale`: it cannot be read, and the last good version serves. */
export interface RefreshReport {
  readonly state: "fresh" | "stale" | "failing";
  readonly since?: string | undefined;
  readonly reason?: string | undefined;
  /** When the source is asked next, if it is asked by the clock. */
  readonly next?: string | undefined;
  /** The source tells of changes by itself. */
  readonly watched?: boolean | undefined;
}

export interface KeysReportFacts {
  readonly from: KeysReport["from"];
  readonly config: string;
  readonly keys: readonly ReportedKey[];
  /** Of every keyring; empty without a gateway. Names are unique in a config. */
  readonly views: readonly KeyView[];
  /** Of all threads; empty without a gateway. */
  readonly metrics: MetricsDelta;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type ReportedKey = Pick<LoadedKey, "name" | "source" | "place" | "handle" | "unread" | "failure">;

export function keysReport({ from, config, keys, views, metrics, now }: KeysReportFacts): KeysReport {
  const viewOf = new Map(views.map((view) => [view.name, view]));
  const usageOf = usageByKey(metrics, from === "gateway" ? keys.map(({ name }) => name) : []);
  return {
    from,
    config,
    at: moment(now),
    keys: keys.map((key) => ({
      ...identity(key),
      ...stateOf(key, viewOf.get(key.name)),
      ...versionFacts(key, from, viewOf.get(key.name), now),
      ...providerFacts(viewOf.get(key.name)),
      refresh: refreshOf(key, from),
      usage: usageOf.get(key.name),
    })),
  };
}

function identity({ name, place, source }: ReportedKey): Pick<KeyReport, "name" | "place" | "source"> {
  return { name, place, source };
}

function stateOf(
  { source, handle, unread, failure }: ReportedKey,
  view: KeyView | undefined,
): Pick<KeyReport, "state" | "why" | "until"> {
  if (source === "passthrough") return { state: "passthrough" };
  if (unread !== undefined) return { state: "notChecked", why: unread };
  if (failure !== undefined) return { state: "unreadable", why: `${failure.code}: ${failure.message}` };
  if (handle === undefined) return { state: "notChecked" };
  const status = handle.status();
  const reason = status.state === "fresh" ? undefined : status.reason;
  if (view !== undefined) return { state: view.state, why: view.why ?? reason, until: maybeMoment(view.until) };
  return versionNow(handle) === undefined ? { state: "unreadable", why: reason } : { state: "readable", why: reason };
}

function versionFacts(
  { handle }: ReportedKey,
  from: KeysReport["from"],
  view: KeyView | undefined,
  now: number,
): Partial<KeyReport> {
  const version = handle && versionNow(handle);
  if (handle === undefined || version === undefined) return {};
  const { id, secret, writtenAt, obtainedAt, expiresAt } = version;
  // What was read for a report alone was obtained just now, and its version counts nothing.
  const isHeld = from === "gateway";
  return {
    fingerprint: secret.fingerprint,
    version: isHeld ? id : undefined,
    servingVersion: view?.version !== undefined && view.version.id !== id ? view.version.id : undefined,
    refusedVersion: view?.refusedVersion,
    writtenAt: maybeMoment(writtenAt),
    obtainedAt: isHeld ? moment(obtainedAt) : undefined,
    expiresAt: maybeMoment(expiresAt),
    ageSeconds: ageOf(version, isHeld, now),
    overdueSince: maybeMoment(handle.status().overdueSince),
  };
}

/** In whole seconds, since it was written, else, where the gateway holds it, since it was obtained. */
export function ageOf({ writtenAt, obtainedAt }: SecretVersion, isHeld: boolean, now: number): number | undefined {
  const since = writtenAt ?? (isHeld ? obtainedAt : undefined);
  return since === undefined ? undefined : Math.max(0, Math.floor((now - since) / 1000));
}

function providerFacts(view: KeyView | undefined): Partial<KeyReport> {
  if (view === undefined) return {};
  const { lastSuccess, lastFailure, scope, weight, models, inFlight, maxConcurrent, requestsPerMinute, resting } = view;
  return {
    lastUsed: maybeMoment(Math.max(lastSuccess ?? 0, lastFailure ?? 0) || undefined),
    lastSuccess: maybeMoment(lastSuccess),
    lastFailure: maybeMoment(lastFailure),
    scope,
    weight,
    models,
    inFlight,
    maxConcurrent,
    requestsPerMinute,
    resting: resting.map(({ model, state, until }) => ({ model, state, until: moment(until) })),
  };
}

function refreshOf({ handle }: ReportedKey, from: KeysReport["from"]): RefreshReport | undefined {
  const status = handle?.status();
  if (status === undefined) return undefined;
  // What was opened for a report alone is closed after it, and follows nothing.
  const isHeld = from === "gateway";
  const schedule = isHeld ? { next: maybeMoment(status.refreshAt), watched: status.watched } : {};
  if (status.state === "fresh") return { state: "fresh", ...schedule };
  return { state: status.state, since: moment(status.since), reason: status.reason, ...schedule };
}

function moment(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function maybeMoment(epochMs: number | undefined): string | undefined {
  return epochMs === undefined || !Number.isFinite(epochMs) ? undefined : moment(epochMs);
}
