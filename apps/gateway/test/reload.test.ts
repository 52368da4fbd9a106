import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { directoryOf, runKeybearer, startKeybearer } from "./keybearer.ts";
import {
  answering,
  bindAnswering,
  configStatus,
  nextReload,
  postReload,
  replaceFile,
  swapLink,
  synchronized,
  textFrom,
} from "./reloading.ts";
import { freePort } from "./free-port.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
beforeEach(() => provider.clear());
afterAll(() => provider.close());

const log = { RUST_LOG: "info" };

describe("a config file that changes serves from then on:", () => {
  test("written beside and renamed, and written in place", async () => {
    const keybearer = await startKeybearer({ config: answering("one"), env: log });
    const url = keybearer.url;
    expect(await textFrom(url)).toBe("one");
    await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", answering("two")));
    expect(await textFrom(url)).toBe("two");
    const line = await nextReload(keybearer, () =>
      writeFileSync(join(keybearer.directory, "config.yaml"), answering("three")),
    );
    expect(line).toMatch(/the config was reloaded.*config\.yaml has changed/);
    expect(await textFrom(url)).toBe("three");
  });

  test("by a link that is swapped, as Kubernetes does", async () => {
    const directory = directoryOf();
    for (const text of ["one", "two"]) {
      mkdirSync(join(directory, text));
      writeFileSync(join(directory, text, "config.yaml"), answering(text));
    }
    symlinkSync("one", join(directory, "..data"));
    symlinkSync("..data/config.yaml", join(directory, "config.yaml"));
    const keybearer = await startKeybearer({ directory, args: ["-f", "config.yaml"], env: log });
    expect(await textFrom(keybearer.url)).toBe("one");
    await nextReload(keybearer, () => swapLink(directory, "..data", "two"));
    expect(await textFrom(keybearer.url)).toBe("two");
  });
});

test("SIGHUP reads the config again, and says when nothing has changed", async () => {
  const keybearer = await startKeybearer({ config: answering("one"), env: log });
  const line = await nextReload(keybearer, () => keybearer.process.kill("SIGHUP"));
  expect(line).toMatch(/nothing has changed.*SIGHUP/);
  expect(await textFrom(keybearer.url)).toBe("one");
});

test("a config from the command line is not watched; a reload reads what it names", async () => {
  const directory = directoryOf({ "variables.env": "TEXT=one\n" });
  const args = ["-c", answering("$TEXT"), "--env-file", "variables.env"];
  const keybearer = await startKeybearer({ directory, args, env: log });
  await nextReload(keybearer, () => replaceFile(directory, "variables.env", "TEXT=two\n"));
  expect(await textFrom(keybearer.url)).toBe("two");
});

describe("a bad config", () => {
  test("leaves the last good one, visibly, until a good one comes", async () => {
    const keybearer = await startKeybearer({ config: answering("one"), env: log });
    expect(await configStatus(keybearer)).toMatchObject({ state: "synchronized", errors: [] });
    const bad = `${answering("two")}surprise: sk-canary-secret\n`.replace("status: 200", "status: 2000");
    await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", bad));
    expect(keybearer.stderr).toMatch(/the config was refused: config\.yaml:\d+:\d+: CONFIG_VALUE/);
    expect(keybearer.stderr).toMatch(/the config was refused: config\.yaml:\d+:\d+: CONFIG_UNKNOWN_FIELD/);
    expect(await textFrom(keybearer.url)).toBe("one");
    expect(await synchronized(keybearer)).toBe("0");
    const status = await configStatus(keybearer);
    expect(status).toMatchObject({
      state: "rejected",
      errors: [expect.stringContaining("CONFIG_VALUE"), expect.stringContaining("CONFIG_UNKNOWN_FIELD")],
    });
    expect(keybearer.stderr + JSON.stringify(status)).not.toContain("canary");

    await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", answering("three")));
    expect(await textFrom(keybearer.url)).toBe("three");
    expect(await synchronized(keybearer)).toBe("1");
    expect(await configStatus(keybearer)).toMatchObject({ state: "synchronized", errors: [] });
  });

  test("may be one whose key cannot be read; the old key stays in use", async () => {
    const directory = directoryOf({ "key.txt": "sk-good\n" });
    const config = (file: string) => oneRoute({ upstream: provider.host, auth: `{ key: { file: ${file} } }` });
    const keybearer = await startKeybearer({ directory, config: config("key.txt"), env: log });
    await nextReload(keybearer, () => replaceFile(directory, "config.yaml", config("missing.txt")));
    expect((await configStatus(keybearer)).errors).toEqual([expect.stringContaining("SECRET_NOT_FOUND")]);
    expect((await ask(keybearer.url)).status).toBe(200);
    expect(provider.keysSeen).toEqual(["sk-good"]);
  });

  test("may want a port that another process has: no thread opens any of its ports", async () => {
    const taken = Number(new URL(provider.origin).port);
    const keybearer = await startKeybearer({ config: answering("one"), env: { ...log, WORKER_THREADS: "2" } });
    const bad = answering("two") + bindAnswering("three", taken);
    await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", bad));
    expect((await configStatus(keybearer)).errors).toEqual([
      expect.stringMatching(/^PORT_IN_USE: .*\b\d+: it is in use/),
    ]);
    expect(await textFrom(keybearer.url)).toBe("one");
  });
});

describe("keybearer reload", () => {
  test("ends with 0 when the gateway took the config, with 1 and every error when it refused it", async () => {
    const keybearer = await startKeybearer({ config: answering("one"), env: log });
    const { directory, urls } = keybearer;
    const reload = () => runKeybearer({ directory, args: ["reload", "--admin", urls.admin] });
    replaceFile(directory, "config.yaml", answering("two"));
    expect(await reload()).toMatchObject({ code: 0, stdout: "The gateway runs with this config.\n", stderr: "" });
    expect(await textFrom(keybearer.url)).toBe("two");
    replaceFile(directory, "config.yaml", "binds: 7\nsurprise: 1\n");
    const refused = await reload();
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/config\.yaml:1:8: CONFIG_TYPE[^]*config\.yaml:2:1: CONFIG_UNKNOWN_FIELD/);
    expect(refused.stderr).toMatch(/the gateway serves from the last good one\.\n$/);
    expect(await textFrom(keybearer.url)).toBe("two");
  });

  test("finds the admin port in the config, also in one that is refused", async () => {
    const port = await freePort();
    const settings = `{ adminAddr: "127.0.0.1:${port}" }`;
    const config = answering("one", 0, settings);
    const env = { ...log, ADMIN_ADDR: "" };
    const keybearer = await startKeybearer({ config, env });
    const { directory } = keybearer;
    const reload = () => runKeybearer({ directory, args: ["reload"], env: { ADMIN_ADDR: "" } });
    expect(await reload()).toMatchObject({ code: 0 });
    replaceFile(directory, "config.yaml", `${config}surprise: 1\n`);
    expect(await reload()).toMatchObject({ code: 1, stderr: expect.stringContaining("CONFIG_UNKNOWN_FIELD") });
    await keybearer.stop();
    expect(await reload()).toMatchObject({
      code: 1,
      stderr: `keybearer: no gateway runs here: nothing answers at http://127.0.0.1:${port}\n`,
    });
  });

  test("says what it cannot do", async () => {
    const config = answering("one", 0, '{ adminAddr: "off" }');
    expect(await runKeybearer({ config, args: ["reload"], env: { ADMIN_ADDR: "" } })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("SIGHUP"),
    });
    const elsewhere = ["reload", "--admin", provider.origin];
    expect(await runKeybearer({ args: elsewhere })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is no admin port"),
    });
    expect(await runKeybearer({ args: ["reload", "--admin", "localhost:15000"] })).toMatchObject({ code: 2 });
  });
});

test("a stream in flight finishes on the old route and key while new requests get the new ones", async () => {
  const other = await startSimulator({ anonymous: true });
  const keybearer = await startKeybearer({
    config: oneRoute({ upstream: provider.host, auth: '{ key: "sk-old" }' }),
    env: log,
  });
  const { url } = keybearer;
  const answer = await ask(url, { body: { stream: true }, headers: { "x-simulate": "events=30, delay-ms=40" } });
  let isOver = false;
  const text = answer.text().finally(() => (isOver = true));
  const next = oneRoute({ upstream: other.host, auth: '{ key: "sk-new" }' });
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", next));
  expect((await ask(url)).status).toBe(200);
  expect(isOver).toBe(false);
  expect(await text).toMatch(/data: \[DONE\]\n\n$/);
  expect([provider.keysSeen, other.keysSeen]).toEqual([["sk-old"], ["sk-new"]]);
  await other.close();
});

test("ports come and go: a new one serves, a removed one drains, the others keep their connections", async () => {
  const [first, second] = [await freePort(), await freePort()];
  const slow = oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }' }).replace("port: 0", `port: ${first}`);
  const env = { ...log, WORKER_THREADS: "2" };
  const keybearer = await startKeybearer({ config: slow, env });
  const stream = await ask(`http://127.0.0.1:${first}`, {
    body: { stream: true },
    headers: { "x-simulate": "events=20, delay-ms=40" },
  });
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", answering("new", second)));
  expect(await textFrom(`http://127.0.0.1:${second}`)).toBe("new");
  await expect(textFrom(`http://127.0.0.1:${first}`)).rejects.toThrow("fetch failed");
  expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
  // Back again, on the port that was given up.
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", answering("back", first)));
  expect(await textFrom(`http://127.0.0.1:${first}`)).toBe("back");
});

test.skipIf(process.platform !== "linux")(
  "a port moves to another address without being closed in between",
  async () => {
    const port = await freePort();
    const at = (text: string, address: string) =>
      answering(text, port).replace(`port: ${port}`, `port: ${port}\n  address: ${address}`);
    const keybearer = await startKeybearer({ config: at("loopback", "127.0.0.1"), env: log });
    await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", at("everywhere", "0.0.0.0")));
    expect(await configStatus(keybearer)).toMatchObject({ state: "synchronized" });
    expect(await textFrom(`http://127.0.0.2:${port}`)).toBe("everywhere");
  },
);

test("a variable of an env file that changes reaches the wire, for a key and for the rest of the config", async () => {
  const directory = directoryOf({ "keys.env": "KEY=sk-one\nMODEL=model-one\n" });
  const config = oneRoute({ upstream: provider.host, auth: '{ key: "$KEY" }' }).replace(
    "openAI: {}",
    'openAI: { model: "$MODEL" }',
  );
  const keybearer = await startKeybearer({ directory, config, args: ["--env-file", "keys.env"], env: log });
  await ask(keybearer.url);
  await nextReload(keybearer, () => replaceFile(directory, "keys.env", "KEY=sk-two\nMODEL=model-two\n"));
  await ask(keybearer.url);
  expect(provider.keysSeen).toEqual(["sk-one", "sk-two"]);
  const models = provider.requests.map(({ body }) => (JSON.parse(String(body)) as { model: string }).model);
  expect(models).toEqual(["model-one", "model-two"]);
});

test("a bad env file is refused as a bad config is, and what it said before stays", async () => {
  const directory = directoryOf({ "text.env": "TEXT=one\n" });
  const args = ["--env-file", "text.env"];
  const keybearer = await startKeybearer({ directory, config: answering("$TEXT"), args, env: log });
  await nextReload(keybearer, () => replaceFile(directory, "text.env", "TEXT\n"));
  expect((await configStatus(keybearer)).errors).toEqual([expect.stringMatching(/^ENV_FILE_SYNTAX: text\.env:1: /)]);
  expect(await textFrom(keybearer.url)).toBe("one");
  await nextReload(keybearer, () => replaceFile(directory, "text.env", "TEXT=two\n"));
  expect(await textFrom(keybearer.url)).toBe("two");
});

test("what needs a restart is named, field by field, and the rest applies", async () => {
  const keybearer = await startKeybearer({
    config: answering("one"),
    env: { ...log, WORKER_THREADS: "", RUST_LOG: "" },
  });
  const next = answering("two", 0, "{ workerThreads: 3, fingerprintKey: canary, logging: { level: debug } }");
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", next));
  const { needsRestart } = await configStatus(keybearer);
  expect(needsRestart).toEqual(["config.workerThreads", "config.fingerprintKey"]);
  for (const field of needsRestart) expect(keybearer.stderr).toContain(`${field} has changed, which needs a restart`);
  expect(await textFrom(keybearer.url)).toBe("two");
  expect(keybearer.stderr).not.toContain("canary");
});

test("keys that come and go are told by name, source and fingerprint, never by value", async () => {
  const directory = directoryOf({ "old.txt": "sk-canary-old\n", "new.txt": "sk-canary-new\n" });
  const config = (file: string) => oneRoute({ upstream: provider.host, auth: `{ key: { file: ${file} } }` });
  const keybearer = await startKeybearer({ directory, config: config("old.txt"), env: { ...log, LOG_FORMAT: "json" } });
  await nextReload(keybearer, () => replaceFile(directory, "config.yaml", config("new.txt")));
  const lines = keybearer.stderr.split("\n").filter((line) => line.includes("a key was"));
  const key = { "key.name": "openai", "key.source": "file", "key.fingerprint": expect.stringMatching(/^[0-9a-f]{8}$/) };
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ message: "a key was added", ...key }),
    expect.objectContaining({ message: "a key was removed", ...key }),
  ]);
  expect(keybearer.stderr).not.toContain("canary");
});

test("the admin port reloads and answers with what came of it", async () => {
  const keybearer = await startKeybearer({ config: answering("one"), env: log });
  expect((await fetch(`${keybearer.urls.admin}/config/reload`, { method: "POST" })).status).toBe(403);
  replaceFile(keybearer.directory, "config.yaml", "binds: 7\n");
  const refused = await postReload(keybearer.urls.admin);
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({
    state: "rejected",
    explanation: expect.stringContaining("1 | binds: 7"),
  });
});
