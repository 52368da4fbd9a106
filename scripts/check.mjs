/**
 * `npm test`: every check, the tests last. A failed check does not hide the next one, and the tests report it in the closing
 * line. Exits 1 if anything failed. KEYBEARER_MORE_CHECKS names scripts that go with them, where there is more time:
 * `KEYBEARER_MORE_CHECKS="bench:ratio" npm test`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

// Side by side, once there is a build; what they say is kept together.
const quick = ["format:check", "lint", "typecheck", "unused", "packaging"];
// One after another: some measure.
const more = (process.env["KEYBEARER_MORE_CHECKS"] ?? "").split(" ").filter((name) => name !== "");

const failed = [];
await check("build");
await Promise.all(quick.map(check));
for (const name of more) await check(name);

process.stdout.write("\n== tests\n");
const passed = await ends(
  start("vitest", ["run"], "inherit", {
    KEYBEARER_FAILED_CHECKS: failed.join(" "),
    // Without a build the gateway's tests run its sources, as they do when they are run by themselves.
    ...(failed.includes("build") ? {} : { KEYBEARER_TEST_BUILT: "1" }),
  }),
);
process.exitCode = failed.length === 0 && passed ? 0 : 1;

async function check(name) {
  const child = start("npm", ["run", "--silent", name], ["inherit", "pipe", "pipe"]);
  const [succeeded, ...said] = await Promise.all([ends(child), text(child.stdout), text(child.stderr)]);
  if (!succeeded) failed.push(name);
  process.stdout.write(`\n== ${name}\n${said.join("")}`);
}

function start(command, args, stdio, variables = {}) {
  // A shell only where commands are scripts that nothing else can start.
  const shell = process.platform === "win32";
  return spawn(command, args, { stdio, env: { ...process.env, ...variables }, shell });
}

async function ends(child) {
  try {
    const [code] = await once(child, "close");
    return code === 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}
