/** Durations as agentgateway writes them: `500ms`, `10s`, `5m`, `1h30m`; days besides, since keys live for months. */

const unitsInMs = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** What a timer can hold: a longer one would fire at once. */
const maxDurationMs = 2 ** 31 - 1;

/** Whole milliseconds, rounded up. Undefined: not a duration, or longer than `maxMs`, 24 days by default. */
export function parseDuration(text: string, maxMs = maxDurationMs): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    sum += Number(amount) * (unitsInMs.get(unit ?? "") ?? Number.NaN);
  }
  return sum <= maxMs ? Math.ceil(sum) : undefined;
}
