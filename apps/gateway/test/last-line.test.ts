/** Behind all that keeps keys in: a module of somebody else's that says its key wherever it can, and still none gets out. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canariesIn } from "./canaries.ts";
import { ask, noSmallServers, oneRoute } from "./configs.ts";
import { gatewayInProcess, refusals } from "./in-process.ts";
import { directoryOf, runKeybearer, startKeybearer, type RunOptions } from "./keybearer.ts";
import { seesWrites } from "./sees-writes.ts";

const keys = {
  first: "tangerine/first+key=of-the-source",
  second: "apricot/second+key=of-the-source",
  env: "sk-proj-env+Zq7x9=KdAbCdEfGh01234",
  unsealed: "sk-proj-that-nobody-sealed-Zq7x9K",
};

interface Talk {
  readonly atOpen?: string;
  readonly atRefresh?: string;
}

const prints = `
    console.log("stdout says %s", first);
    console.error("stderr says", {
      authorization: "Basic " + btoa("user:" + first),
      hex: Buffer.from(first).toString("hex"),
    });
    process.stderr.write(Buffer.from("bytes say " + encodeURIComponent(first) + "\\n"));
`;

/** Without a build, and without anything to import: a source is an object, and may throw what looks like a SecretError. */
const talkative = ({ atOpen = "", atRefresh = "" }: Talk): string => `
const [first, second, unsealed] = ${JSON.stringify([keys.first, keys.second, keys.unsealed])};
const laden = (...words) =>
  Object.assign(new Error(words.join(" "), { cause: new Error(words.join(" ")) }), {
    [Symbol.for("keybearer.SecretError")]: true,
    code: "SECRET_UNAVAILABLE",
    source: "talkative",
    found: words.join(" "),
    fix: words.join(" "),
  });
export const source = {
  name: "talkative",
  schema: { "~standard": { version: 1, vendor: "own", validate: (value) => ({ value }) } },
  async open(ref, context) {
    let version = context.seal(first);
    let failure;
    ${atOpen}
    context.warn({ code: "TALKATIVE", message: "the notice says " + first });
    return {
      current: () => version,
      async refresh() {
        version = context.seal(second);
        failure = laden("the refresh says", first, second);
        context.report(laden("the report says", first, second, unsealed));
        ${atRefresh}
        throw failure;
      },
      subscribe: () => () => {},
      status: () => failure ? { state: "stale", since: Date.now(), reason: failure.message } : { state: "fresh" },
      async [Symbol.asyncDispose]() {},
    };
  },
};
`;

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator();
});
afterAll(() => provider.close());

function run(source: string, more: RunOptions = {}): RunOptions {
  const route = oneRoute({ upstream: provider.host, auth: "{ key: { talkative: a } }" });
  return { config: `secretSources: [./talkative.mjs]\n${route}`, files: { "talkative.mjs": source }, ...more };
}

function expectNone(said: Readonly<Record<string, string>>): void {
  for (const [where, text] of Object.entries(said)) {
    expect({ where, found: canariesIn(text, keys) }).toEqual({ where, found: [] });
    expect(text.length, `nothing was said: ${where}`).toBeGreaterThan(0);
  }
}

const fetchText = async (url: string, init: RequestInit = {}): Promise<string> => (await fetch(url, init)).text();

/** Of the only key. */
async function refreshKey({ urls }: { readonly urls: { readonly admin?: string } }): Promise<string> {
  const [, name = ""] = /"name": "([^"]+)"/.exec(await fetchText(`${urls.admin}/keys`)) ?? [];
  return fetchText(`${urls.admin}/keys/${name}/refresh`, { method: "POST", headers: { "x-keybearer-admin": "1" } });
}

function reportsIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => /^report\..*\.json$/.test(file))
    .map((file) => readFileSync(join(directory, file), "utf8"));
}

describe("a source that says its key", () => {
  test("says it neither in the log, nor on an admin page, nor by its console", async () => {
    const gateway = await startKeybearer(run(talkative({ atOpen: prints })));
    expect((await ask(gateway.url)).status).toBe(200);
    const refreshed = await refreshKey(gateway);
    await gateway.said("stderr", /the report says/);
    const page = await fetchText(`${gateway.urls.admin}/keys`);
    const metrics = await fetchText(`${gateway.urls.stats}/metrics`);
    const table = await runKeybearer({ args: ["keys", "--admin", gateway.urls.admin] });
    const { stdout, stderr } = await gateway.stop();
    expectNone({ stdout, stderr, refreshed, page, metrics, table: table.stdout + table.stderr });
    expect(stdout).toMatch(/^stdout says \[secret [\da-f]{8}\]$/m);
    expect(stderr).toMatch(/the notice says \[secret [\da-f]{8}\]/);
    expect(stderr).toMatch(
      /stderr says \{\s+authorization: 'Basic \w+\[secret [\da-f]{8}\]',\s+hex: '\[secret [\da-f]{8}\]'/,
    );
    expect(stderr).toMatch(/^bytes say \[secret [\da-f]{8}\]$/m);
    expect(stderr).toMatch(/the report says \[secret [\da-f]{8}\] \[secret [\da-f]{8}\] <a key\?>/);
    expect(page).toMatch(/the refresh says \[secret [\da-f]{8}\] \[secret [\da-f]{8}\]/);
  });

  test("says it in no error of a start, nor where a command looks at the config", async () => {
    const source = talkative({ atOpen: 'throw laden("the error says", first, unsealed);' });
    const ended = await Promise.all(
      [[], ["--validate-only", "--run-sources"], ["keys", "--run-sources"], ["doctor", "--run-sources"]].map((args) =>
        runKeybearer(run(source, { args })),
      ),
    );
    for (const { stdout, stderr } of ended) {
      expectNone({ output: stdout + stderr });
      expect(stdout + stderr).toMatch(/the error says \[secret [\da-f]{8}\] <a key\?>/);
    }
  });

  test("says it in no table of keys that are read for it", async () => {
    const { stdout, stderr } = await runKeybearer(
      run(talkative({ atOpen: prints }), { args: ["keys", "--json", "--run-sources"] }),
    );
    expectNone({ stdout, stderr });
  });

  test("gives a program that runs a gateway none either: in its logs, errors and notices", async () => {
    const { config = "", files = {} } = run(talkative({}));
    const said = { log: "", accessLog: "" };
    const gateway = await gatewayInProcess({
      config,
      directory: directoryOf(files),
      settingsEnv: { ...noSmallServers, ADMIN_ADDR: "127.0.0.1:0" },
      log: (lines) => (said.log += lines),
      accessLog: (lines) => (said.accessLog += lines),
    });
    await ask(gateway.urls.binds[0] ?? "", { path: `/v1/${encodeURIComponent(keys.first)}/chat` });
    await refreshKey(gateway);
    const broken = directoryOf(run(talkative({ atOpen: 'throw laden("the error says", first);' })).files);
    const [refused] = await refusals({ config, directory: broken });
    await gateway.close();
    expectNone({ ...said, notices: gateway.notices.join("\n"), refused: refused?.format() ?? "" });
    expect(said.log).toMatch(/the report says \[secret [\da-f]{8}\]/);
    expect(said.accessLog).toMatch(/\/v1\/\[secret [\da-f]{8}\]\/chat/);
    expect(refused?.message).toMatch(/the error says \[secret [\da-f]{8}\]/);
  });
});

test("a module that cannot be loaded says no key that has the looks of one", async () => {
  const { stderr, code } = await runKeybearer(run(`throw new Error("not a good token: ${keys.unsealed}");`));
  expect(code).toBe(1);
  expect(stderr).toContain("SECRET_SOURCE_MODULE: cannot load ./talkative.mjs: not a good token: <a key?>");
  expectNone({ stderr });
});

describe("an error that nobody catches", () => {
  const crashes = {
    "is thrown": "setTimeout(() => { throw laden('nobody catches', first, second, unsealed); }, 0);",
    "is a promise's": "void Promise.reject(laden('nobody catches', first, second, unsealed));",
    "is no Error": "void Promise.reject('nobody catches ' + first + second + unsealed);",
  };
  test.each(Object.entries(crashes))("ends the process without the key: it %s", async (_, crash) => {
    const directory = directoryOf();
    const gateway = await startKeybearer(
      run(talkative({ atRefresh: crash }), {
        directory,
        env: { OTHER_KEY: keys.env },
        nodeArgs: ["--report-uncaught-exception"],
      }),
    );
    await refreshKey(gateway).catch(() => "");
    const { code, stdout, stderr } = await gateway.ended;
    const [report = ""] = reportsIn(directory);
    expectNone({ output: stdout + stderr, report });
    expect(code).toBe(1);
    expect(stderr).toMatch(/nobody catches \[secret [\da-f]{8}\] ?\[secret [\da-f]{8}\] ?<a key\?>/);
    expect(report).toMatch(/nobody catches \[secret/);
  });
});

test("a thread that says what it sends, and dies of it, is told about without the key", async () => {
  const directory = directoryOf({
    "saying.mjs": `
${seesWrites}
function seen(headers) {
  if (!headers.startsWith("POST ")) return;
  console.error("the thread says " + headers);
  setTimeout(() => { throw new Error("the thread dies of " + headers); }, 0);
}`,
  });
  const gateway = await startKeybearer({
    config: oneRoute({ upstream: provider.host, auth: '{ key: "$PLANTED_KEY" }' }),
    directory,
    env: { PLANTED_KEY: keys.env, RUST_LOG: "debug" },
    nodeArgs: ["--import", join(directory, "saying.mjs"), "--report-uncaught-exception"],
  });
  await ask(gateway.url).catch(() => undefined);
  await gateway.said("stderr", /ended and is replaced/);
  const { stdout, stderr } = await gateway.stop();
  expect(canariesIn(stdout + stderr, keys)).toEqual([]);
  expect(stderr).toMatch(/the thread says [^]*Bearer \[secret [\da-f]{8}\]/);
  expect(stderr).toMatch(/ended and is replaced.*the thread dies of .*Bearer \[secret [\da-f]{8}\]/);
  expect(reportsIn(directory)).toEqual([]);
});

test.skipIf(process.platform === "win32")(
  "Node's report of a running process holds no variable, of any thread",
  async () => {
    const directory = directoryOf();
    const gateway = await startKeybearer({
      config: oneRoute({ upstream: provider.host, auth: '{ key: "$PLANTED_KEY" }' }),
      directory,
      env: { PLANTED_KEY: keys.env, WORKER_THREADS: "2" },
      nodeArgs: ["--report-on-signal"],
    });
    expect((await ask(gateway.url)).status).toBe(200);
    gateway.process.kill("SIGUSR2");
    await gateway.said("stderr", /Node\.js report completed/);
    const [report = ""] = reportsIn(directory);
    await gateway.stop();
    expectNone({ report });
    expect(report).not.toContain("PLANTED_KEY");
    expect((JSON.parse(report) as { workers: unknown[] }).workers).toHaveLength(2);
  },
);
