/** The first TypeScript that a reader of a README copies: it runs as it stands, ends by itself, and has no type error. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { packages, read, root } from "./workspace.ts";

const run = promisify(execFile);

// Inside the repository, so that packages are found by name; not in node_modules, where Node strips no types.
const folder = mkdtempSync(join(root, "tests/.readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const examples = packages
  .filter((each) => existsSync(join(each.folder, "README.md")))
  .map((each) => ({ name: each.manifest.name, code: firstExample(read(join(each.folder, "README.md"))) }))
  .map(({ name, code }) => {
    const own = join(folder, name.replaceAll("/", "-"));
    mkdirSync(own);
    if (code !== undefined) writeFileSync(join(own, "example.ts"), code);
    return { name, code, own };
  });

describe("the README of", () => {
  test.concurrent.each(examples)("$name opens with an example that runs", async ({ code, own }) => {
    expect(code, "no ```ts block").toBeDefined();
    // Rejects, with the output, for an exit code other than 0. The folder is its own: an example may write files.
    await run(process.execPath, ["--conditions=@keybearer/source", "example.ts"], { cwd: own, timeout: 15_000 });
  });

  test("every package shows nothing that TypeScript refuses", async () => {
    const config = { extends: "../../tsconfig.json", include: ["*/example.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(root, "node_modules/.bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", folder]).catch(
      (error: { stdout: string }) => error,
    );
    // What is wrong in the sources themselves is reported by `npm run typecheck`.
    expect(stdout.split("\n").filter((line) => line.includes("/example.ts("))).toEqual([]);
  });
});

function firstExample(markdown: string): string | undefined {
  return /^```ts\n([^]*?)^```/m.exec(markdown)?.[1];
}
