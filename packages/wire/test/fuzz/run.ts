/**
 * Once, or when wire or Node has changed: `node --conditions=@keybearer/source packages/wire/test/fuzz/run.ts --cases
 * 1000000 --seed 1`. With `--direction requests` or `responses` one of the two, with `--case 7` that one alone.
 */
import { parseArgs } from "node:util";
import { compareCorpus, fuzz, type Outcome } from "./campaign.ts";
import type { Direction } from "./compare.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    case: { type: "string" },
    direction: { type: "string" },
  },
});
const directions = (["requests", "responses"] as const).filter((each) => (values.direction ?? each) === each);
const only = values.case === undefined ? {} : { first: Number(values.case), cases: 1 };

for (const direction of directions) {
  const started = performance.now();
  print(direction, "corpus", compareCorpus(direction), started);
  const campaign = { direction, seed: Number(values.seed), cases: Number(values.cases), ...only };
  print(direction, `seed ${values.seed}`, fuzz(campaign), started);
}

function print(direction: Direction, of: string, outcome: Outcome, started: number): void {
  const { cases, messages, accepted, stricter, differences } = outcome;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${direction}, ${of}: ${cases} cases, ${accepted} taken whole, ${messages} messages, ${seconds} s`);
  for (const [reason, count] of [...stricter].sort((one, two) => two[1] - one[1]))
    console.log(`  ${String(count).padStart(8)} refused that llhttp takes: ${reason}`);
  for (const difference of differences) console.log(difference);
  if (differences.length > 0) process.exitCode = 1;
}
