/** `npm run bench:micro`: each file here in a process of its own, or those that the command line names. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

const names = process.argv.slice(2);

for (const file of globSync("*.bench.ts", { cwd: import.meta.dirname }).toSorted()) {
  if (names.length > 0 && !names.includes(file.replace(".bench.ts", ""))) continue;
  process.stdout.write(`== ${file}\n`);
  const { status } = spawnSync(process.execPath, [...process.execArgv, join(import.meta.dirname, file)], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}
