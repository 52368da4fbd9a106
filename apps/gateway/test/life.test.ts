import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { directoryOf, spawnKeybearer, startKeybearer, type Keybearer } from "./keybearer.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
beforeEach(() => provider.clear());
afterAll(() => provider.close());

const config = (settings = "{}"): string => oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', settings });

describe("the banner", () => {
  test("says once, on stderr, what listens where, each key, and a line to copy that works", async () => {
    const keybearer = await startKeybearer({ config: config() });
    expect(keybearer.stdout).toBe("");
    expect(keybearer.stderr).toMatch(/^keybearer \d+\.\d+\.\d+\n\nlistening  http:\/\/localhost:\d+\nreadiness /);
    expect(keybearer.stderr).toMatch(/^key {2}openai {2}inline {2}[0-9a-f]{8} {2}config\.yaml:9:39$/m);
    const [, url = "", body = ""] = /^ {2}curl (\S+) -H 'content-type: application\/json' -d '(.*)'$/m.exec(
      keybearer.stderr,
    )!;
    const answer = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
    expect(answer.status).toBe(200);
    const streamed = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ ...(JSON.parse(body) as object), stream: true }),
      headers: { "content-type": "application/json" },
    });
    expect(await streamed.text()).toMatch(/data: \[DONE\]\n\n$/);
    expect((await keybearer.stop()).stderr.match(/listening/g)).toHaveLength(1);
  });
});

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("readiness turns false at once, new work is taken for the minimum, then the end is in order", async () => {
    const settings = '{ connectionMinTerminationDeadline: "700ms", connectionTerminationDeadline: 5s }';
    const keybearer = await startKeybearer({ config: config(settings) });
    const { readiness, stats } = keybearer.urls;
    expect((await fetch(`${readiness}/healthz/ready`)).status).toBe(200);
    keybearer.process.kill(signal);
    while ((await fetch(`${readiness}/healthz/ready`)).status !== 503);
    expect((await ask(keybearer.url)).status).toBe(200);
    expect((await fetch(`${stats}/metrics`)).status).toBe(200);
    const { code, signal: by, stdout } = await keybearer.ended;
    expect({ code, by }).toEqual({ code: 0, by: null });
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  });
});

test("a stream in flight finishes, on a port that takes no more", async () => {
  provider.fault({ kind: "stall-after-events", afterEvents: 2 });
  const keybearer = await startKeybearer({ config: config() });
  const stalled = await ask(keybearer.url, { body: { stream: true } });
  const slow = await ask(keybearer.url, {
    body: { stream: true },
    headers: { "x-simulate": "events=10, delay-ms=60" },
  });
  const text = slow.text();
  keybearer.process.kill("SIGTERM");
  while (await isListening(keybearer.url));
  expect(await text).toMatch(/data: \[DONE\]\n\n$/);
  // The other would be waited for until the deadline: its caller leaves.
  await stalled.body!.cancel();
  expect(await keybearer.ended).toMatchObject({ code: 0, signal: null });
});

test("a stream that outlives the deadline is cut, and never taken for whole", async () => {
  provider.fault({ kind: "stall-after-events", afterEvents: 2 });
  const keybearer = await startKeybearer({ config: config('{ connectionTerminationDeadline: "200ms" }') });
  const answer = await ask(keybearer.url, { body: { stream: true } });
  expect(answer.status).toBe(200);
  keybearer.process.kill("SIGTERM");
  await expect(answer.text()).rejects.toThrow("terminated");
  const { code, stdout } = await keybearer.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/"http.status":200/);
});

test("an idle connection keeps nobody waiting", async () => {
  const keybearer = await startKeybearer({ config: config("{ connectionTerminationDeadline: 60s }") });
  const agent = new Agent({ keepAlive: true });
  const request = httpRequest(`${keybearer.url}/v1/models`, { agent });
  request.end();
  const [response] = (await once(request, "response")) as [NodeJS.ReadableStream];
  response.resume();
  await once(response, "end");
  expect(await keybearer.stop()).toMatchObject({ code: 0 });
  agent.destroy();
});

test("a second signal ends at once", async () => {
  provider.fault({ kind: "stall-after-events", afterEvents: 1 });
  const keybearer = await startKeybearer({ config: config("{ connectionTerminationDeadline: 60s }") });
  const answer = await ask(keybearer.url, { body: { stream: true } });
  keybearer.process.kill("SIGTERM");
  // One that follows within a moment is taken for the first, so it is sent until it counts.
  while (keybearer.process.exitCode === null) {
    keybearer.process.kill("SIGINT");
    await fetch(`${keybearer.urls.readiness}/healthz/ready`).catch(() => undefined);
  }
  expect(await keybearer.ended).toMatchObject({ code: 130, signal: null });
  await expect(answer.text()).rejects.toThrow();
});

test("one request to end that arrives twice, as `timeout` sends it, is one", async () => {
  const keybearer = await startKeybearer({ config: config() });
  const headers = { "x-simulate": "events=10, delay-ms=40" };
  const answer = await ask(keybearer.url, { body: { stream: true }, headers });
  keybearer.process.kill("SIGTERM");
  keybearer.process.kill("SIGTERM");
  keybearer.process.kill("SIGINT");
  expect(await answer.text()).toMatch(/data: \[DONE\]\n\n$/);
  expect(await keybearer.ended).toMatchObject({ code: 0, signal: null });
});

describe("a closed pipe ends it quietly:", () => {
  test("stdout, as in `keybearer | head -1`", async () => {
    const keybearer = await startKeybearer({ config: config() });
    keybearer.process.stdout!.destroy();
    // The line of the first request finds nobody who reads it.
    await ask(keybearer.url).then((answer) => answer.text());
    const { code, signal, stderr } = await keybearer.ended;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr).not.toMatch(/EPIPE|Error/);
  });

  test("stdout of a command that prints", async () => {
    const keybearer = spawnKeybearer({ args: ["schema"] });
    keybearer.process.stdout!.destroy();
    expect(await keybearer.ended).toMatchObject({ code: 0, signal: null, stderr: "" });
  });

  test("stderr is no reason to stop serving", async () => {
    const keybearer = await startKeybearer({ config: config(), env: { RUST_LOG: "debug" } });
    keybearer.process.stderr!.destroy();
    for (const _ of [1, 2]) expect((await ask(keybearer.url)).status).toBe(200);
    await keybearer.accessLog(2);
    expect(await keybearer.stop()).toMatchObject({ code: 0, signal: null });
  });

  test("stderr that is closed from the beginning", async () => {
    const keybearer = spawnKeybearer({ config: "binds: 7", args: ["--validate-only"] });
    keybearer.process.stderr!.destroy();
    expect(await keybearer.ended).toMatchObject({ code: 1, signal: null, stdout: "" });
  });
});

test("a config from stdin, and one read with a key from /dev/stdin, start as well", async () => {
  const fromStdin = await startKeybearer({ stdin: config(), args: ["-f", "-"] });
  expect((await ask(fromStdin.url)).status).toBe(200);
  const keyFromStdin = await startKeybearer({
    config: config().replace('key: "sk-a"', "key: { file: /dev/stdin }"),
    stdin: "sk-typed\n",
    directory: directoryOf(),
  });
  await ask(keyFromStdin.url);
  expect(provider.keysSeen).toEqual(["sk-a", "sk-typed"]);
});

/** A new connection: one that was kept would be answered still. */
async function isListening(url: Keybearer["url"]): Promise<boolean> {
  const request = httpRequest(`${url}/v1/models`, { agent: false });
  request.end();
  try {
    const [response] = (await once(request, "response")) as [NodeJS.ReadableStream];
    response.resume();
    return true;
  } catch {
    return false;
  }
}
