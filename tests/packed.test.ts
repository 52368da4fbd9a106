/** Each package as npm would deliver it: packed, installed in an empty folder, imported by name, its types read. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBuilt, packages, read, root } from "./workspace.ts";

const run = promisify(execFile);
const entries = packages.flatMap(({ manifest }) =>
  Object.keys(manifest.exports).map((path) => ({ specifier: `${manifest.name}${path.slice(1)}` })),
);

// `npm test` builds first; whoever runs vitest alone may not have.
describe.skipIf(!isBuilt)("installed from its tarball in an empty folder (skipped before a build)", () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "keybearer-packed-"));
    await npm(["pack", "--workspaces", "--pack-destination", folder], root);
    const dependencies = readdirSync(folder).map((tarball) => `file:${join(folder, tarball)}`);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    // Third-party packages are in npm's cache since `npm ci`; of the optional ones (a whole Node) nothing is needed here.
    await npm(["install", "--prefer-offline", "--no-audit", "--no-fund", "--omit=optional", ...dependencies], folder);
  }, 90_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(entries)("$specifier can be imported", async ({ specifier }) => {
    const code = `import * as all from ${JSON.stringify(specifier)}; console.log(Object.keys(all).length);`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code], { cwd: folder });
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  test("every package brings types that hold by themselves", async () => {
    const lines = entries.map(({ specifier }, index) => `export * as each${index} from ${JSON.stringify(specifier)};`);
    writeFileSync(join(folder, "consumer.ts"), lines.join("\n"));
    const compilerOptions = {
      strict: true,
      module: "nodenext",
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const compiler = join(root, "node_modules/.bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });

  test("neither tests nor tool settings are delivered", () => {
    const delivered = readdirSync(join(folder, "node_modules"), { recursive: true, encoding: "utf8" })
      .filter((path) => /^(@keybearer\/[^/]+|keybearer)\//.test(path))
      .filter((path) => /\.test(-d)?\.|tsconfig|vitest/.test(path));
    expect(delivered).toEqual([]);
  });

  test("the command `keybearer` is there and tells its version", async () => {
    const command = join(folder, "node_modules/.bin/keybearer");
    const { stdout } = await run(process.execPath, [command, "-V"], { cwd: tmpdir() });
    const { version } = JSON.parse(read(join(root, "apps/gateway/package.json")));
    expect(stdout).toContain(version);
  });

  test("the command brings our packages in files of its own, so that it starts soon", async () => {
    const command = join(folder, "node_modules/.bin/keybearer");
    const config = 'binds: [{ port: 3000, listeners: [{ routes: [{ backends: [{ host: "127.0.0.1:9" }] }] }] }]';
    const args = ["--import", tellsLoads, command, "-c", config, "--validate-only"];
    const { stdout, stderr } = await run(process.execPath, args, { cwd: tmpdir() });
    expect(stdout).toBe("Configuration is valid!\n");
    expect(stderr).toContain("/keybearer/dist/main.js\n");
    expect(stderr).not.toContain("/@keybearer/");
  });
});

/** A module that makes a process write the URL of each module that it loads. */
const tellsLoads = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, next) {
      process.stderr.write(url + "\\n");
      return next(url, context);
    },
  });
`)}`;

function npm(args: readonly string[], cwd: string) {
  return run("npm", [...args, "--loglevel=error"], { cwd, shell: process.platform === "win32" });
}
