/**
 * The tests of packages/wire on other versions of Node: reads on accepted sockets rest on something that Node does not
 * document. KEYBEARER_NODES names their binaries, one after another with a colon between.
 */
import { spawnSync } from "node:child_process";

const nodes = (process.env["KEYBEARER_NODES"] ?? "").split(":").filter((file) => file !== "");
if (nodes.length === 0) process.stdout.write("KEYBEARER_NODES names no other Node: nothing was tested\n");
for (const node of nodes) {
  process.stdout.write(`${node}\n`);
  const words = ["node_modules/vitest/vitest.mjs", "run", "--project", "@keybearer/wire"];
  const { status, error } = spawnSync(node, words, { stdio: "inherit" });
  if (error) process.stderr.write(`${node}: ${error.message}\n`);
  if (status !== 0) process.exitCode = 1;
}
