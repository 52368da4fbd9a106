/** `keybearer init source`: what it writes works as it stands, and its test finds what breaks it. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startSimulator } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../src/cli/main.ts";
import { ask, oneRoute } from "./configs.ts";
import { directoryOf, runKeybearer, startKeybearer } from "./keybearer.ts";

const root = join(import.meta.dirname, "../../..");
const TOKEN = "token-of-a-test";
const LEAK = 'if (text.includes("\\n")) throw new SecretError("SECRET_MALFORMED", "acme", text);\n    if (answer.ok)';

describe("keybearer init source", () => {
  test.each([
    ["acme", "ACME_TOKEN"],
    ["my-2nd-store", "MY_2ND_STORE_TOKEN"],
  ])("writes %s and its test, which passes under node alone, and tells what to do next", async (name, variable) => {
    const directory = projectDirectory();
    const { code, stdout, stderr } = await runKeybearer({ directory, args: ["init", "source", name] });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    for (const step of [`node --test ${name}.test.mjs\n`, `["./${name}.mjs"]\n`, `key: { ${name}: {`, variable]) {
      expect(stderr).toContain(step);
    }
    expect(stderr).not.toContain("npm install");
    expect(
      readFileSync(join(directory, `${name}.mjs`), "utf8")
        .trimEnd()
        .split("\n").length,
    ).toBeLessThanOrEqual(40);

    const tested = await node(directory, "--test", `${name}.test.mjs`);
    expect(tested).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ℹ fail 0$/m) });
    expect(Number(/^ℹ pass (\d+)$/m.exec(tested.stdout)?.[1])).toBeGreaterThan(20);
    expect(await typeErrors(directory, `${name}.mjs`)).toBe("");
  });

  test.each([
    ["gives another value", "return text;", "return text.toUpperCase();", "opens a key"],
    ["takes no for a failure", '404: "SECRET_NOT_FOUND"', "", "says what is missing when it opens nothing"],
    ["shows what it could not use", "if (answer.ok)", LEAK, "refuses two lines, and does not show it"],
    [
      "does without its token",
      "`Bearer ${token}`",
      '"Bearer token-of-a-test"',
      "says that the store wants another token",
    ],
  ])("writes a test that fails for a source that %s", async (_what, good, bad, failing) => {
    const directory = await withSource((text) => text.replace(good, () => bad));
    const { code, stdout } = await node(directory, "--test", "--test-reporter=tap", "acme.test.mjs");
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^not ok \\d+ - ${failing}$`, "m"));
  });

  test("takes a folder, and says how to install what is not found from there", async () => {
    const directory = directoryOf({ "sources/README": "" });
    const { code, stderr } = await runKeybearer({ directory, args: ["init", "source", "acme", "./sources/"] });
    expect(code).toBe(0);
    expect(readdirSync(join(directory, "sources")).toSorted()).toEqual(["README", "acme.mjs", "acme.test.mjs"]);
    for (const step of [
      "npm install",
      "@keybearer/secrets",
      "node --test sources/acme.test.mjs",
      '["./sources/acme.mjs"]',
    ]) {
      expect(stderr).toContain(step);
    }
  });

  test("writes both files or none, and never over one that is there", async () => {
    for (const name of ["acme.mjs", "acme.test.mjs"]) {
      const directory = directoryOf({ [name]: "mine" });
      const { code, stderr } = await runKeybearer({ directory, args: ["init", "source", "acme"] });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `keybearer: FILE_EXISTS: ${name} exists already, and is left as it is\n`,
      });
      expect(readFileSync(join(directory, name), "utf8")).toBe("mine");
      expect(readdirSync(directory)).toEqual([name]);
    }
  });

  test("refuses a name that is none, or that has a meaning already: one line, the usage, exit 2", async () => {
    const directory = directoryOf();
    const wrong: [string[], RegExp][] = [
      [[], /^keybearer: init source needs a name: /],
      ...["Acme", "9acme", "a_b", "../acme", "acme.mjs", ""].map((name): [string[], RegExp] => [
        [name],
        /^keybearer: a source's name is lower-case letters, digits and -, a letter first; /,
      ]),
      ...["file", "env", "exec", "kubernetes", "inline", "passthrough", "value", "location"].map(
        (name): [string[], RegExp] => [[name], new RegExp(`^keybearer: ${name} has a meaning in configs already`)],
      ),
      [["acme", "here", "there"], /^keybearer: unexpected argument: there\n/],
    ];
    for (const [args, message] of wrong) {
      const said: string[] = [];
      const code = await main(["init", "source", ...args], {
        env: {},
        workingDirectory: directory,
        stdin: process.stdin,
        say: (text) => void said.push(text),
        print: (text) => expect(text).toBe(""),
      });
      expect(code).toBe(2);
      expect(said).toEqual([expect.stringMatching(message)]);
      expect(said[0]).toMatch(/^[^\n]*\nusage: keybearer [^]*keybearer init source NAME \[DIRECTORY\]\n/);
    }
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a gateway whose config names the source", () => {
  test("serves with the store's key, and with a new one when it is told to read it again", async () => {
    const { gateway, store, untilServedWith } = await gatewayWithSource({ ttl: "10m" });
    await untilServedWith("sk-first");
    store.set("sk-second");
    const headers = { "x-keybearer-admin": "1" };
    const refreshed = await fetch(`${gateway.urls.admin}/keys/openai/refresh`, { method: "POST", headers });
    expect(refreshed.status).toBe(200);
    await untilServedWith("sk-second");
    expect((await gateway.stop()).code).toBe(0);
  });

  test("serves with a new key once the old one's ttl is over", async () => {
    const { gateway, store, untilServedWith } = await gatewayWithSource({ ttl: "1s" });
    await untilServedWith("sk-first");
    store.set("sk-second");
    await store.asked();
    await untilServedWith("sk-second");
    await gateway.stop();
  });
});

/** A folder in which the package is installed, as by `npm install keybearer`. */
function projectDirectory(): string {
  const directory = directoryOf();
  mkdirSync(join(directory, "node_modules/@keybearer"), { recursive: true });
  symlinkSync(join(root, "packages/secrets"), join(directory, "node_modules/@keybearer/secrets"));
  return directory;
}

/** A project with the source `acme`, changed. */
async function withSource(change: (text: string) => string): Promise<string> {
  const directory = projectDirectory();
  await runKeybearer({ directory, args: ["init", "source", "acme"] });
  const file = join(directory, "acme.mjs");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, change(text));
  expect(readFileSync(file, "utf8"), "the change found nothing to change").not.toBe(text);
  return directory;
}

async function gatewayWithSource({ ttl }: { readonly ttl: string }) {
  const [directory, store, provider] = await Promise.all([
    withSource((text) => text.replace(/ttl: "10m".*/, `ttl: "${ttl}",`)),
    startStore("sk-first"),
    startSimulator(),
  ]);
  onTestFinished(() => provider.close());
  const auth = `{ key: { acme: { url: "${store.url}", entry: openai } } }`;
  const gateway = await startKeybearer({
    directory,
    config: `secretSources: ["./acme.mjs"]\n${oneRoute({ upstream: provider.host, auth })}`,
    env: { ACME_TOKEN: TOKEN },
  });
  // A thread may take a request before the message that brings it the new key.
  const untilServedWith = async (key: string): Promise<void> => {
    do expect((await ask(gateway.url)).status).toBe(200);
    while (provider.requests.at(-1)?.key !== key);
  };
  return { gateway, store, untilServedWith };
}

/** A store with the one entry `openai`. */
async function startStore(first: string) {
  let key = first;
  const server = createServer(({ url, headers }, response) => {
    const isAsked = url === "/v1/openai" && headers.authorization === `Bearer ${TOKEN}`;
    response.writeHead(isAsked ? 200 : 403).end(isAsked ? key : "");
  }).listen(0, "127.0.0.1");
  onTestFinished(() => server.close().closeAllConnections());
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`,
    set: (next: string) => void (key = next),
    asked: () => once(server, "request"),
  };
}

function node(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const env = { PATH: process.env["PATH"] };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--conditions=@keybearer/source", ...args], { cwd, env }, (error, stdout) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout }),
    );
  });
}

/** What an editor would underline in it. */
async function typeErrors(directory: string, file: string): Promise<string> {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    module: "nodenext",
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
    customConditions: ["@keybearer/source"],
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
  const { stdout } = await node(directory, join(root, "node_modules/.bin/tsc"), "-p", directory);
  // What is wrong in the sources themselves is reported by `npm run typecheck`.
  return stdout
    .split("\n")
    .filter((line) => line.startsWith(file))
    .join("\n");
}
