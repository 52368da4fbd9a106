/** Times small functions against each other: in turn, so that a slow minute of the machine hits all. */
import { median } from "../measure/statistics.ts";

const ROUNDS = 15;
const ROUND_MS = 40;

/** Prints the median of each and its ratio to the first, which is the baseline. What a case returns is used up. */
export function compare(question: string, cases: Readonly<Record<string, () => unknown>>): void {
  const entries = Object.entries(cases);
  const times = new Map(entries.map(([name]): [string, number[]] => [name, []]));
  const calls = new Map(entries.map(([name, run]) => [name, callsIn(run, ROUND_MS)]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of entries) times.get(name)?.push(timeOf(run, calls.get(name) ?? 1));
  }
  const baseline = median(times.get(entries[0]?.[0] ?? "") ?? []);
  process.stdout.write(`${question}\n`);
  for (const [name, values] of times) {
    const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map(nanoseconds);
    const ratio = (median(values) / baseline).toFixed(2);
    process.stdout.write(`  ${name.padEnd(44)} ${middle}  (${low} to ${high})  x ${ratio}\n`);
  }
}

/** Also warms it up: three times over, for the compiler. */
function callsIn(run: () => unknown, ms: number): number {
  let calls = 1;
  for (let again = 0; again < 3; again++) {
    while (timeOf(run, calls) * calls < ms * 1e6) calls *= 2;
  }
  return calls;
}

let sink: unknown;

/** Nanoseconds a call. */
function timeOf(run: () => unknown, calls: number): number {
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call++) sink = run();
  return Number(process.hrtime.bigint() - start) / calls;
}

function nanoseconds(value: number): string {
  return value < 10_000 ? `${value.toFixed(0)} ns` : `${(value / 1_000).toFixed(1)} us`;
}

// Read once, so that no compiler may leave out what fills it.
process.on("exit", () => void (sink === process));
