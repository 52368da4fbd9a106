/** What the metrics say of each key. */
import type { FamilyData, MetricsDelta, SeriesData } from "@keybearer/telemetry";

/** Since the gateway's start, all threads together. */
export interface KeyUsage {
  /** Requests that it served last, whatever came of them. */
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Answers 401 and 429 of the provider to this key, those that the caller never saw included; undefined: not counted. */
  readonly refused401?: number | undefined;
  readonly limited429?: number | undefined;
}

/** Attempts at a provider, by key and status: one request may make several. */
const ATTEMPTS = "keybearer_key_attempts_total";
const REQUESTS = "agentgateway_requests_total";
const TOKENS = "agentgateway_gen_ai_client_token_usage";

/** By the key's name, for each of these names. */
export function usageByKey(metrics: MetricsDelta, names: readonly string[]): ReadonlyMap<string, KeyUsage> {
  const requests = sumByKey(metrics, REQUESTS);
  const inputTokens = sumByKey(metrics, TOKENS, ["gen_ai_token_type", "input"]);
  const outputTokens = sumByKey(metrics, TOKENS, ["gen_ai_token_type", "output"]);
  const isCounted = metrics.some(({ name }) => name === ATTEMPTS);
  const refused401 = sumByKey(metrics, ATTEMPTS, ["status", "401"]);
  const limited429 = sumByKey(metrics, ATTEMPTS, ["status", "429"]);
  return new Map(
    names.map((name) => [
      name,
      {
        requests: requests.get(name) ?? 0,
        inputTokens: inputTokens.get(name) ?? 0,
        outputTokens: outputTokens.get(name) ?? 0,
        refused401: isCounted ? (refused401.get(name) ?? 0) : undefined,
        limited429: isCounted ? (limited429.get(name) ?? 0) : undefined,
      },
    ]),
  );
}

/** `where`: a label and the value that it must have. */
function sumByKey(metrics: MetricsDelta, name: string, where?: readonly [label: string, value: string]) {
  const sums = new Map<string, number>();
  const family = metrics.find((each) => each.name === name);
  for (const series of family?.series ?? []) {
    if (family === undefined || (where && labelOf(family, series, where[0]) !== where[1])) continue;
    const key = labelOf(family, series, "key");
    if (key !== undefined) sums.set(key, (sums.get(key) ?? 0) + series.value);
  }
  return sums;
}

function labelOf({ labels }: FamilyData, series: SeriesData, label: string): string | undefined {
  return series.labels[labels.indexOf(label)];
}
