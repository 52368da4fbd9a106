/** Durations as agentgateway writes them: `500ms`, `10s`, `5m`, `1h30m`. */

const unitsInMs = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** What a timer can hold: a longer one would fire at once. */
const maxDurationMs = 2 ** 31 - 1;

/** Whole milliseconds, rounded up. Undefined: not a duration, or longer than 24 days. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * (unitsInMs.get(unit ?? "") ?? Number.NaN);
  }
  return sum <= maxDurationMs ? Math.ceil(sum) : undefined;
}
