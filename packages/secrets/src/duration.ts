/** A span of time as people write it: `30s`, `10m`. */

export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds. Throws RangeError for anything that is not a positive number with a unit. */
export function durationMs(text: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const milliseconds = Number(match?.[1]) * (unitMs[match?.[2] ?? ""] ?? Number.NaN);
  if (!(milliseconds > 0)) throw new RangeError(`expected a time such as 30s or 10m, found ${JSON.stringify(text)}`);
  return milliseconds;
}
