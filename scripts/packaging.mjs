/** Checks each built package as those who install it will see it. Exits 1 if publint has anything to say. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = join(import.meta.dirname, "..");

for (const path of globSync(["packages/*/package.json", "apps/*/package.json"], { cwd: root }).toSorted()) {
  const pkgDir = dirname(join(root, path));
  const manifest = JSON.parse(readFileSync(join(root, path), "utf8"));
  const { messages } = existsSync(join(pkgDir, "dist"))
    ? await publint({ pkgDir, strict: true, pack: "npm" })
    : { messages: undefined };
  if (messages === undefined) complain(`${path}: not built: npm run build`);
  else for (const message of messages) complain(`${path}: ${formatMessage(message, manifest, { color: false })}`);
}

function complain(line) {
  process.stderr.write(`${line}\n`);
  process.exitCode = 1;
}
