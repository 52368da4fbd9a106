/** `npm run bench`: Keybearer beside nginx, and beside others. Exits 1 where an answer was wrong or a ratio too high. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startLoad } from "./load/load.ts";
import { moveTo, planCores } from "./measure/cores.ts";
import { describeMachine } from "./measure/machine.ts";
import { costliestFunctions } from "./measure/profile.ts";
import { median } from "./measure/statistics.ts";
import { ratiosOf, tableOf } from "./report.ts";
import { scenarios } from "./scenarios/index.ts";
import type { Bench, Scenario } from "./scenarios/scenario.ts";
import { chooseSubjects } from "./subjects/index.ts";
import { keybearer, profiledKeybearer } from "./subjects/keybearer.ts";
import { startUpstream } from "./upstream/upstream.ts";

const full = { pairs: 7, seconds: 4, warmUpSeconds: 3, warmUpShare: 1 };
const quick = { pairs: 3, seconds: 1, warmUpSeconds: 1, warmUpShare: 0.4 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    with: { type: "string", multiple: true, default: [] },
    baseline: { type: "string", default: "nginx" },
    "at-most": { type: "string" },
    profile: { type: "boolean", default: false },
  },
});

const limit = Number(values["at-most"] ?? Number.POSITIVE_INFINITY);

const say = (text: string) => process.stdout.write(`${text}\n`);
const unknown = positionals.filter((name) => !scenarios.some((each) => each.name === name));
if (!(limit > 0)) {
  say(`--at-most takes a number, not ${values["at-most"]}`);
  process.exitCode = 1;
} else if (unknown.length > 0) {
  say(`no scenario ${unknown.join(", ")}; there are ${scenarios.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
} else {
  await main();
}

async function main(): Promise<void> {
  const cores = planCores();
  moveTo(cores.load);
  const scratch = mkdtempSync(join(tmpdir(), "keybearer-bench-"));
  const [upstream, load] = await Promise.all([startUpstream(cores.upstream, scratch), startLoad(cores.load)]);
  try {
    say(describeMachine(cores).join("\n"));
    const subjects = chooseSubjects(values, scratch, say);
    const bench: Bench = { ...(values.quick ? quick : full), cores, upstream, load, subjects, scratch };
    say(`method     ${bench.pairs} pairs of ${bench.seconds} s, ratios to ${subjects[0]?.name}\n`);
    for (const scenario of scenarios) {
      if (positionals.length > 0 && !positionals.includes(scenario.name)) continue;
      if (values.profile) await profile(scenario, bench);
      else await measureAndPrint(scenario, bench);
    }
  } finally {
    await Promise.all([upstream.stop(), load.stop()]);
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function profile(scenario: Scenario, bench: Bench): Promise<void> {
  const folder = mkdtempSync(join(bench.scratch, "profile-"));
  await measureAndPrint(scenario, { ...bench, subjects: [profiledKeybearer(folder)] });
  say(`${costliestFunctions(folder, 40).join("\n")}\n`);
}

async function measureAndPrint(scenario: Scenario, bench: Bench): Promise<void> {
  const rows = await scenario.measure(bench);
  say(tableOf(scenario, rows, values.baseline));
  if (rows.some(({ failed }) => failed)) process.exitCode = 1;
  if (limit === Number.POSITIVE_INFINITY) return;
  const ratio = median(
    rows.filter(({ subject }) => subject === keybearer.name).flatMap((row) => ratiosOf(row, rows, values.baseline)),
  );
  // What could not be compared has not been found to be cheap.
  if (ratio <= limit) return;
  say(
    `${scenario.name}: ${Number.isNaN(ratio) ? "not compared with" : `more than ${limit} times`} ${values.baseline}\n`,
  );
  process.exitCode = 1;
}
