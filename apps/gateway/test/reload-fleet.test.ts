/** A reload over several serving threads: no request sees a part of them on the new config, and none fails. */
import { Agent, request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGateway, type Gateway, type GatewayOptions } from "keybearer";
import { staticHandle, type SecretSource } from "@keybearer/secrets";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ask, noSmallServers, oneRoute } from "./configs.ts";
import { freePort } from "./free-port.ts";
import { directoryOf, startKeybearer } from "./keybearer.ts";
import { answering, bindAnswering, configStatus, nextReload, postReload, replaceFile, textFrom } from "./reloading.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const stringSchema: SecretSource["schema"] = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

const two = { RUST_LOG: "info", WORKER_THREADS: "2" };

test("50 reloads under load: each answer is of a config that was current, none of one before an answer already seen", async () => {
  // One hears of everything later than the other: that must not show.
  const directory = directoryOf({ "second.mjs": inSecondThread(hearsLate(20)) });
  const nodeArgs = ["--import", `${directory}/second.mjs`];
  const { url, urls } = await startKeybearer({ directory, config: answering(0), nodeArgs, env: two });
  let written = 0;
  let committed = 0;
  let seen = 0;
  const over = new AbortController();
  let answers = 0;
  const client = async (keepAlive: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    while (!over.signal.aborted) {
      const lowest = Math.max(seen, committed);
      const number = Number(await get(url, agent));
      expect(number).toBeGreaterThanOrEqual(lowest);
      expect(number).toBeLessThanOrEqual(written);
      seen = Math.max(seen, number);
      answers += 1;
    }
  };
  // Kept connections stay with their thread; new ones go to any.
  const clients = Promise.all([true, true, true, true, false, false].map(client));
  for (let version = 1; version <= 50; version++) {
    written = version;
    replaceFile(directory, "config.yaml", answering(version));
    const reloaded = await postReload(urls.admin);
    expect(reloaded.status).toBe(200);
    committed = version;
  }
  over.abort();
  await clients;
  expect(answers).toBeGreaterThan(50);
  expect(seen).toBeGreaterThan(40);
});

test("a new port that one thread has opened before the other answers nothing until both have the new config", async () => {
  const directory = directoryOf({ "second.mjs": inSecondThread(hearsLate(200)) });
  const nodeArgs = ["--import", `${directory}/second.mjs`];
  const keybearer = await startKeybearer({ directory, config: answering("old"), nodeArgs, env: two });
  const port = await freePort();
  const reloaded = nextReload(keybearer, () =>
    replaceFile(directory, "config.yaml", answering("new") + bindAnswering("of the new port", port)),
  );
  const agent = new Agent({ keepAlive: false });
  let answer: string | undefined;
  while (answer === undefined) answer = await get(`http://127.0.0.1:${port}`, agent).catch(() => undefined);
  expect(answer).toBe("of the new port");
  expect(await get(keybearer.url, agent)).toBe("new");
  await reloaded;
});

describe("when one of two threads cannot serve the new config, both stay with the old:", () => {
  test("a port that one cannot open", async () => {
    const directory = directoryOf({ "second.mjs": inSecondThread(noPort) });
    const nodeArgs = ["--import", `${directory}/second.mjs`];
    const keybearer = await startKeybearer({ directory, config: answering("old"), nodeArgs, env: two });
    const taken = await freePort();
    writeFileSync(join(directory, "closed"), String(taken));
    await nextReload(keybearer, () =>
      replaceFile(directory, "config.yaml", answering("new") + bindAnswering("new", taken)),
    );
    expect((await configStatus(keybearer)).errors).toEqual([expect.stringContaining("EMFILE")]);
    await expectEverywhere(keybearer.url, "old");
    // The other thread had opened it, and gave it back.
    await expect(textFrom(`http://127.0.0.1:${taken}`)).rejects.toThrow("fetch failed");
    await nextReload(keybearer, () => replaceFile(directory, "config.yaml", answering("newer")));
    await expectEverywhere(keybearer.url, "newer");
  });

  test("a definition that one cannot compile", async () => {
    const directory = directoryOf({ "second.mjs": inSecondThread(noTls) });
    const nodeArgs = ["--import", `${directory}/second.mjs`];
    const keybearer = await startKeybearer({ directory, config: answering("old"), nodeArgs, env: two });
    const route = `  - routes:
    - matches: [{ path: { pathPrefix: /v1 } }]
      backends: [{ host: "${provider.host}", policies: { backendTLS: { insecure: true } } }]
    - policies: { directResponse: { status: 200, body: "new" } }
`;
    const next = answering("new").replace(/ {2}- routes:[^]*/, route);
    await nextReload(keybearer, () => replaceFile(directory, "config.yaml", next));
    expect((await configStatus(keybearer)).errors).toEqual([expect.stringContaining("no TLS in this thread")]);
    await expectEverywhere(keybearer.url, "old");
  });
});

test("a thread that dies while it prepares is replaced, and the reload is tried again", async () => {
  const directory = directoryOf({ "second.mjs": inSecondThread(dies) });
  const nodeArgs = ["--import", `${directory}/second.mjs`];
  const keybearer = await startKeybearer({ directory, config: answering("old"), nodeArgs, env: two });
  const port = await freePort();
  writeFileSync(join(directory, "deadly"), String(port));
  await nextReload(keybearer, () =>
    replaceFile(directory, "config.yaml", answering("new") + bindAnswering("new", port)),
  );
  expect(keybearer.stderr).toMatch(/worker-2 ended and is replaced/);
  expect(await configStatus(keybearer)).toMatchObject({ state: "synchronized" });
  await expectEverywhere(keybearer.url, "new");
});

test("a burst of changes is one reload more, and the last of them serves", async () => {
  const keybearer = await startKeybearer({ config: answering(0), env: two });
  const { directory, urls } = keybearer;
  const outcomes: Promise<Response>[] = [];
  for (let version = 1; version <= 20; version++) {
    replaceFile(directory, "config.yaml", answering(version));
    outcomes.push(postReload(urls.admin));
  }
  for (const outcome of await Promise.all(outcomes)) expect(outcome.status).toBe(200);
  await expectEverywhere(keybearer.url, "20");
  expect(keybearer.stderr.match(/the config was re/g)?.length).toBeLessThan(20);
});

describe.each([0, 2])("in another program, with workers: %i,", (workers) => {
  test("reload() serves the new text, and connections to providers and figures are kept", async () => {
    const upstream = await startSimulator({ anonymous: true });
    onTestFinished(() => upstream.close());
    const config = (model: string) =>
      oneRoute({ upstream: upstream.host, auth: '{ key: "sk-a" }' }).replace(
        "openAI: {}",
        `openAI: { model: ${model} }`,
      );
    const directory = directoryOf({ "config.yaml": config("one") });
    const settingsEnv = { ...noSmallServers, STATS_ADDR: "127.0.0.1:0" };
    const gateway = await gatewayOn(directory, { workers, settingsEnv });
    const url = gateway.urls.binds[0]!;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    await post(url, agent);
    replaceFile(directory, "config.yaml", config("two"));
    expect(await gateway.reload()).toMatchObject({ state: "synchronized", errors: [], explanation: "" });
    await post(url, agent);
    expect(upstream.requests.map(({ body }) => (JSON.parse(String(body)) as { model: string }).model)).toEqual([
      "one",
      "two",
    ]);
    expect(upstream.connections.opened).toBe(1);
    const metrics = await textFrom(`${gateway.urls.stats}/metrics`);
    const counted = Array.from(metrics.matchAll(/^agentgateway_requests_total\{.*\} (\d+)$/gm));
    expect(counted.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(2);
  });

  test("a removed port lets go of what it held; its keys and URLs are those of the config that serves", async () => {
    const port = await freePort();
    const keyed = oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }' }).replace("port: 0", `port: ${port}`);
    const directory = directoryOf({ "config.yaml": keyed });
    const gateway = await gatewayOn(directory, { workers });
    expect(gateway.keys.map(({ name }) => name)).toEqual(["openai"]);
    replaceFile(directory, "config.yaml", answering("two", 0));
    await gateway.reload();
    expect(gateway.keys).toEqual([]);
    expect(gateway.urls.binds).toEqual([expect.not.stringMatching(`:${port}$`)]);
    expect(await textFrom(gateway.urls.binds[0]!)).toBe("two");
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toThrow("fetch failed");
  });

  test("a key of the old config is let go of when the last request on it has ended", async () => {
    const events: string[] = [];
    const closed = Promise.withResolvers<void>();
    const source: SecretSource = {
      name: "told",
      schema: stringSchema,
      open: async (ref, context) => ({
        ...staticHandle(context.seal(String(ref))),
        [Symbol.asyncDispose]: async () => {
          events.push(`closed ${String(ref)}`);
          closed.resolve();
        },
      }),
    };
    const config = (key: string) => oneRoute({ upstream: provider.host, auth: `{ key: { told: ${key} } }` });
    const directory = directoryOf({ "config.yaml": config("sk-old") });
    const gateway = await gatewayOn(directory, { workers, sources: [source] });
    const answer = await ask(gateway.urls.binds[0]!, {
      body: { stream: true },
      headers: { "x-simulate": "events=15, delay-ms=40" },
    });
    replaceFile(directory, "config.yaml", config("sk-new"));
    await gateway.reload();
    expect(events).toEqual([]);
    expect(await answer.text()).toMatch(/data: \[DONE\]\n\n$/);
    await closed.promise;
    expect(events).toEqual(["closed sk-old"]);
    await gateway.close();
    expect(events).toEqual(["closed sk-old", "closed sk-new"]);
  });

  test("close() in the middle of a reload ends both", async () => {
    const directory = directoryOf({ "config.yaml": answering("one") });
    const gateway = await gatewayOn(directory, { workers });
    replaceFile(directory, "config.yaml", answering("two"));
    const reload = gateway.reload();
    await gateway.close();
    await reload;
    await expect(textFrom(gateway.urls.binds[0]!)).rejects.toThrow("fetch failed");
  });
});

/** A gateway in this process, on the directory's config.yaml; closes itself when the test has finished. */
async function gatewayOn(directory: string, options: Partial<GatewayOptions>): Promise<Gateway> {
  const path = join(directory, "config.yaml");
  const config = { name: "config.yaml", bytes: readFileSync(path), directory, origin: "file", path } as const;
  const gateway = await createGateway({ settingsEnv: noSmallServers, ...options, config });
  onTestFinished(() => gateway.close({ minMs: 0, maxMs: 0 }));
  return gateway;
}

/** Loaded into each thread before the gateway; the second alone is broken. */
function inSecondThread(source: string): string {
  return `
import net from "node:net";
import tls from "node:tls";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { parentPort, threadId } from "node:worker_threads";
const portIn = (name) => {
  const path = new URL(name, import.meta.url);
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
};
const listen = net.Server.prototype.listen;
if (threadId === 2) {
${source}
  syncBuiltinESMExports();
}
`;
}

const noPort = `
  net.Server.prototype.listen = function (options, ...rest) {
    if (options.port !== portIn("closed")) return listen.call(this, options, ...rest);
    process.nextTick(() => this.emit("error", Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" })));
    return this;
  };`;

const dies = `
  net.Server.prototype.listen = function (options, ...rest) {
    if (options.port !== portIn("deadly")) return listen.call(this, options, ...rest);
    process.exit(7);
  };`;

/** As a thread that is busy does. */
const hearsLate = (delayMs: number): string => `
  const { on } = parentPort;
  parentPort.on = (event, listener) =>
    on.call(parentPort, event, event !== "message" ? listener : (message) => {
      setTimeout(listener, message.type === "start" ? 0 : ${delayMs}, message);
    });`;

const noTls = `
  tls.createSecureContext = () => {
    throw new Error("no TLS in this thread");
  };`;

/** On so many new connections that each thread gets some. */
async function expectEverywhere(url: string, wanted: string): Promise<void> {
  const answers = Array.from({ length: 20 }, () => get(url, new Agent({ keepAlive: false })));
  expect(new Set(await Promise.all(answers))).toEqual(new Set([wanted]));
}

function get(url: string, agent: Agent): Promise<string> {
  return send(url, agent, "GET", "");
}

function post(url: string, agent: Agent): Promise<string> {
  const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }] });
  return send(`${url}/v1/chat/completions`, agent, "POST", body);
}

function send(url: string, agent: Agent, method: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    httpRequest(url, { agent, method, headers }, (response) => {
      text(response).then(resolve, reject);
    })
      .on("error", reject)
      .end(body);
  });
}
