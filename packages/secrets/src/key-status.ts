/** How a key fares by its policy, at one moment. */
import type { SecretStatus, SecretVersion } from "./contract.ts";
import type { KeyPolicy } from "./key-policy.ts";

export interface KeyFacts {
  /** By the source's own handle. */
  readonly status: SecretStatus;
  readonly version: SecretVersion | undefined;
}

/** A key that has been stale for too long is failing, and one that is too old is overdue. */
export function statusByPolicy({ status, version }: KeyFacts, policy: KeyPolicy, now: number): SecretStatus {
  const deadAt = staleUntil(status, policy);
  const held: SecretStatus =
    status.state === "stale" && deadAt <= now ? { ...status, state: "failing", since: deadAt } : status;
  const overdueSince = overdueAt(version, policy);
  return overdueSince <= now ? { ...held, overdueSince } : held;
}

/** When the answer will be another by time alone. Infinity: never. */
export function changesAt({ status, version }: KeyFacts, policy: KeyPolicy, now: number): number {
  const moments = [
    staleUntil(status, policy),
    overdueAt(version, policy),
    version?.expiresAt ?? Number.POSITIVE_INFINITY,
  ];
  return Math.min(...moments.filter((moment) => moment > now));
}

function staleUntil(status: SecretStatus, { maxStaleMs }: KeyPolicy): number {
  return status.state === "stale" && maxStaleMs !== undefined ? status.since + maxStaleMs : Number.POSITIVE_INFINITY;
}

function overdueAt(version: SecretVersion | undefined, { maxAgeMs }: KeyPolicy): number {
  if (version === undefined || maxAgeMs === undefined) return Number.POSITIVE_INFINITY;
  return (version.writtenAt ?? version.obtainedAt) + maxAgeMs;
}
