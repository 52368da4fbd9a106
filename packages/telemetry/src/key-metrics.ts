/** How each key stands now: set by whoever holds the keys, when somebody asks for metrics. */
import type { Registry } from "./registry.ts";

/** What came of the reads of a key's source, since it was opened. */
export interface RefreshCounts {
  readonly new: number;
  readonly same: number;
  readonly failed: number;
}

export interface KeyReading {
  readonly name: string;
  /** One of those that the metrics were made with. */
  readonly state: string;
  /** Undefined: there is no version. */
  readonly ageSeconds: number | undefined;
  readonly inFlight: number;
  /** `of`: whatever counts them; another one begins at zero. */
  readonly refreshes: { readonly of: object; readonly counts: RefreshCounts };
}

export interface KeyMetrics {
  /** These are all keys there are: of others nothing stays but what they have counted. */
  update(keys: readonly KeyReading[]): void;
}

const RESULTS = ["new", "same", "failed"] as const;
const NONE: RefreshCounts = { new: 0, same: 0, failed: 0 };
// Keys come from a config, which no caller writes.
const KEY_LIMIT = 4096;

/** Once a process, by the main thread. `states`: all in which a key can be. */
export function createKeyMetrics(registry: Registry, states: readonly string[]): KeyMetrics {
  const state = registry.gauge({
    name: "keybearer_key_state",
    help: "1 for the state in which a key is, 0 for the others.",
    labels: ["key", "state"],
    maxSeries: KEY_LIMIT * states.length,
  });
  const age = registry.gauge({
    name: "keybearer_key_age_seconds",
    help: "Since a key was written, as far as its source tells, else since it was first read.",
    labels: ["key"],
    maxSeries: KEY_LIMIT,
  });
  const inFlight = registry.gauge({
    name: "keybearer_key_in_flight",
    help: "Requests that a key serves now.",
    labels: ["key"],
    maxSeries: KEY_LIMIT,
  });
  const countRefreshes = refreshMetric(registry);

  return {
    update(keys) {
      state.replace(
        keys.flatMap((key) => states.map((each) => [[key.name, each], each === key.state ? 1 : 0] as const)),
      );
      age.replace(keys.flatMap(({ name, ageSeconds }) => (ageSeconds === undefined ? [] : [[[name], ageSeconds]])));
      inFlight.replace(keys.map((key) => [[key.name], key.inFlight]));
      for (const key of keys) countRefreshes(key);
    },
  };
}

/** Adds what was counted since the last time. */
function refreshMetric(registry: Registry): (key: Pick<KeyReading, "name" | "refreshes">) => void {
  const metric = registry.counter({
    name: "keybearer_key_refreshes_total",
    help: "Reads of a key's source after the one that opened it, by what came of them.",
    labels: ["key", "result"],
    maxSeries: KEY_LIMIT * RESULTS.length,
  });
  const told = new WeakMap<object, Map<string, RefreshCounts>>();
  return ({ name, refreshes: { of, counts } }) => {
    const byName = told.get(of) ?? new Map<string, RefreshCounts>();
    const before = byName.get(name) ?? NONE;
    for (const result of RESULTS) metric.labels(name, result).add(counts[result] - before[result]);
    told.set(of, byName.set(name, counts));
  };
}
