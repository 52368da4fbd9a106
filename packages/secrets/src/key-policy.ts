/** What is wanted of a key beyond its source. */

export interface KeyPolicy {
  /**
   * While the key cannot be read for the first time. `fail`: opening fails. `wait`: it is tried again until it can, or
   * until `startupTimeoutMs` is over. `degraded`: opening succeeds, `current()` throws until the key could be read.
   */
  readonly startup: "fail" | "wait" | "degraded";
  /** Bounds the one attempt of `fail` as well. */
  readonly startupTimeoutMs: number;
  /** For how long the last good version serves while its source fails. Absent: for ever. */
  readonly maxStaleMs?: number | undefined;
  /** An older version is told of (`SECRET_OLD`, `overdueSince`), and serves all the same. */
  readonly maxAgeMs?: number | undefined;
  /** For how long the version before a rotation is kept. */
  readonly overlapMs: number;
}

export const DEFAULT_KEY_POLICY: KeyPolicy = { startup: "fail", startupTimeoutMs: 60_000, overlapMs: 10 * 60_000 };
