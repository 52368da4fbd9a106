import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { directoryOf, startKeybearer, type Keybearer } from "./keybearer.ts";
import { seesWrites } from "./sees-writes.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const config = (): string => oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }' });
const two = { WORKER_THREADS: "2" };

/** Loaded before the gateway, into each of its threads: a request with this header is the death of the one that sends it on. */
const deadly = `${seesWrites}
function seen(text) {
  if (/^x-die: exit\\r$/m.test(text)) process.exit(7);
  if (/^x-die: throw\\r$/m.test(text)) process.nextTick(() => { throw new Error("an error on purpose"); });
}
`;

test.skipIf(process.platform !== "linux")("two threads listen on one port (Linux alone shares it)", async () => {
  const keybearer = await startKeybearer({ config: config(), env: two });
  expect(listeners(keybearer.url)).toBe(2);
});

test("metrics add up over the threads, and each request has its one line", async () => {
  const keybearer = await startKeybearer({ config: config(), env: two });
  const statuses = await Promise.all(Array.from({ length: 40 }, () => onNewConnection(keybearer.url)));
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(await keybearer.accessLog(40)).toHaveLength(40);
  const [first, second] = [await requestsCounted(keybearer), await requestsCounted(keybearer)];
  expect([first, second]).toEqual([40, 40]);
});

test("a thread that dies is told, counted and replaced, and the others serve on", async () => {
  const directory = directoryOf({ "deadly.mjs": deadly });
  const nodeArgs = ["--import", `${directory}/deadly.mjs`];
  const keybearer = await startKeybearer({ config: config(), directory, nodeArgs, env: { ...two, RUST_LOG: "info" } });
  const died = (): Set<string> =>
    new Set(Array.from(keybearer.stderr.matchAll(/(worker-\d) ended and is replaced/g), ([, name = ""]) => name));

  await expect(onNewConnection(keybearer.url, { "x-die": "throw" })).rejects.toThrow();
  await keybearer.said("stderr", /worker-\d ended and is replaced.*an error on purpose/);
  expect(died().size).toBe(1);
  for (let sent = 0; sent < 10; sent++) expect(await onNewConnection(keybearer.url)).toBe(200);
  await keybearer.accessLog(10);

  // Once each has died, only replacements are left to answer.
  while (died().size < 2) await onNewConnection(keybearer.url, { "x-die": "exit" }).catch(() => undefined);
  let status: number | undefined;
  while (status === undefined) status = await onNewConnection(keybearer.url).catch(() => undefined);
  expect(status).toBe(200);
  expect(await keybearer.stop()).toMatchObject({ code: 0, signal: null });
  expect(keybearer.stderr).not.toMatch(/^ {4}at /m);
});

test.skipIf(process.platform !== "linux")(
  "an error that nobody catches costs the requests of its own thread at most, and another takes its place",
  async () => {
    const directory = directoryOf({ "deadly.mjs": deadly });
    const nodeArgs = ["--import", `${directory}/deadly.mjs`];
    const keybearer = await startKeybearer({ config: config(), directory, nodeArgs, env: two });
    const slow = { body: { stream: true }, headers: { "x-simulate": "events=40, delay-ms=25" } };
    const answers = await Promise.all(Array.from({ length: 16 }, () => ask(keybearer.url, slow)));
    const texts = Promise.allSettled(answers.map((answer) => answer.text()));

    await expect(onNewConnection(keybearer.url, { "x-die": "throw" })).rejects.toThrow();
    await keybearer.said("stderr", /worker-\d ended and is replaced/);
    await expect.poll(() => listeners(keybearer.url), { timeout: 10_000 }).toBe(2);
    const whole = (await texts).flatMap((text) => (text.status === "fulfilled" ? [text.value] : []));
    expect(whole.length).toBeGreaterThan(0);
    expect(whole.filter((text) => !text.endsWith("data: [DONE]\n\n"))).toEqual([]);
    for (let sent = 0; sent < 20; sent++) expect(await onNewConnection(keybearer.url)).toBe(200);
    expect(await keybearer.accessLog(whole.length + 20)).toHaveLength(whole.length + 20);
  },
  20_000,
);

test("a stop while a thread is being replaced does not wait for it", async () => {
  const directory = directoryOf({ "deadly.mjs": deadly });
  const nodeArgs = ["--import", `${directory}/deadly.mjs`];
  const keybearer = await startKeybearer({ config: config(), directory, nodeArgs });
  await expect(onNewConnection(keybearer.url, { "x-die": "exit" })).rejects.toThrow();
  await keybearer.said("stderr", /worker-1 ended and is replaced/);
  expect(await keybearer.stop()).toMatchObject({ code: 0, signal: null });
});

test("workerThreads: 0 serves in the main thread", async () => {
  const keybearer = await startKeybearer({ config: config(), env: { WORKER_THREADS: "0" } });
  expect((await ask(keybearer.url)).status).toBe(200);
  await keybearer.accessLog(1);
  expect(await requestsCounted(keybearer)).toBe(1);
  expect(await keybearer.stop()).toMatchObject({ code: 0, signal: null });
});

async function requestsCounted(keybearer: Keybearer): Promise<number> {
  const metrics = await (await fetch(`${keybearer.urls.stats}/metrics`)).text();
  const counters = metrics.matchAll(/^agentgateway_requests_total\{.*\} (\d+)$/gm);
  return Array.from(counters).reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The system chooses a thread for each connection. */
function onNewConnection(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(`${url}/v1/models`, { agent: false, headers }, (response) => {
      response
        .resume()
        .on("end", () => resolve(response.statusCode ?? 0))
        .on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

function listeners(url: string): number {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  return (
    readFileSync("/proc/net/tcp", "utf8").match(new RegExp(`^ *\\d+: \\w+:${port} \\w+:\\w+ 0A `, "gm"))?.length ?? 0
  );
}
