/**
 * `npm test`: every check, one after another, the tests last. A failed check does not hide the next one, and the tests
 * report it in the closing line. Exits 1 if anything failed. KEYBEARER_MORE_CHECKS names scripts that go with them, where
 * there is more time: `KEYBEARER_MORE_CHECKS="bench:ratio" npm test`.
 */
import { spawnSync } from "node:child_process";

const more = (process.env["KEYBEARER_MORE_CHECKS"] ?? "").split(" ").filter((name) => name !== "");
const checks = ["build", "format:check", "lint", "typecheck", "unused", "packaging", ...more];

const failed = checks.filter((check) => !succeeds("npm", ["run", "--silent", check], check));
const passed = succeeds("vitest", ["run"], "tests", {
  KEYBEARER_FAILED_CHECKS: failed.join(" "),
  // Without a build the gateway's tests run its sources, as they do when they are run by themselves.
  ...(failed.includes("build") ? {} : { KEYBEARER_TEST_BUILT: "1" }),
});
process.exitCode = failed.length === 0 && passed ? 0 : 1;

function succeeds(command, args, title, variables = {}) {
  process.stdout.write(`\n== ${title}\n`);
  // A shell only where commands are scripts that nothing else can start.
  const shell = process.platform === "win32";
  const { status, error } = spawnSync(command, args, {
    stdio: "inherit",
    env: { ...process.env, ...variables },
    shell,
  });
  if (error) process.stderr.write(`${title}: ${error.message}\n`);
  return status === 0;
}
