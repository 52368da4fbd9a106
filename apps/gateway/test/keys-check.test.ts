import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startSimulator, type Simulator, type SimulatorOptions } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { oneRoute } from "./configs.ts";
import { runKeybearer } from "./keybearer.ts";

async function provider(options: SimulatorOptions): Promise<Simulator> {
  const simulator = await startSimulator(options);
  onTestFinished(() => simulator.close());
  return simulator;
}

interface Result {
  readonly name: string;
  readonly result: string;
  readonly authenticates: string;
  readonly mayGenerate: string;
  readonly detail: string;
}

async function check(config: string, more: Partial<Parameters<typeof runKeybearer>[0]> = {}) {
  const { code, stdout, stderr } = await runKeybearer({ config, ...more, args: ["keys", "check", "--json"] });
  const report = JSON.parse(stdout) as { ok: boolean; keys: readonly Result[] };
  return { ...report, code, text: stdout + stderr };
}

const keys = (...list: readonly string[]): string =>
  `{ keys: [${list.map((name) => `{ name: ${name}, key: "sk-canary-${name}" }`).join(", ")}] }`;

describe("keybearer keys check", () => {
  test("ends with 0 when every key authenticates, and has asked by free calls alone", async () => {
    const simulator = await provider({ keys: ["sk-canary-one", "sk-canary-two"] });
    const {
      code,
      ok,
      text,
      keys: results,
    } = await check(oneRoute({ upstream: simulator.host, auth: keys("one", "two") }));
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(results.map(({ name, result }) => [name, result])).toEqual([
      ["one", "good"],
      ["two", "good"],
    ]);
    expect(new Set(simulator.requests.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(["GET /v1/models"]),
    );
    expect(text).not.toContain("canary");
  });

  test("ends with 1 when one is refused, cannot be read, or is not answered for; and checks the others", async () => {
    const simulator = await provider({
      keys: ["sk-canary-good", { key: "sk-canary-poor", insufficientQuota: true }, "sk-canary-unlucky"],
      echoKey: true,
    });
    simulator.fault(
      { kind: "status", status: 503 },
      { when: ({ key }) => key === "sk-canary-unlucky", times: "always" },
    );
    const auth = keys("good", "poor", "bad", "unlucky").replace("] }", ", { name: gone, key: { file: none.txt } }] }");
    const { code, ok, text, keys: results } = await check(oneRoute({ upstream: simulator.host, auth }));
    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(
      results.map(({ name, result, authenticates, mayGenerate }) => [name, result, authenticates, mayGenerate]),
    ).toEqual([
      ["good", "good", "yes", "unknown"],
      ["poor", "good", "yes", "no"],
      ["bad", "refused", "no", "no"],
      ["unlucky", "failed", "unknown", "unknown"],
      ["gone", "failed", "unknown", "unknown"],
    ]);
    expect(text).not.toContain("canary");
  });

  test("leaves out what it may not run, and callers' own tokens, and does not fail for it", async () => {
    const simulator = await provider({ keys: ["sk-canary-one"] });
    const auth = '{ keys: [{ key: "sk-canary-one" }, { key: { exec: { command: [/bin/sh, -c, "exit 3"] } } }] }';
    const [pool, own] = await Promise.all([
      check(oneRoute({ upstream: simulator.host, auth })),
      check(oneRoute({ upstream: simulator.host, auth: "{ passthrough: {} }" })),
    ]);
    expect([pool.code, pool.keys.map(({ result }) => result)]).toEqual([0, ["good", "notChecked"]]);
    expect([own.code, own.keys.map(({ result }) => result)]).toEqual([0, ["notChecked"]]);
  });

  test("asks about four keys at a time", async () => {
    const server = createServer();
    const waiting: ServerResponse[] = [];
    let most = 0;
    // Answers once four wait, and a fifth would have had time to come.
    server.on("request", (_, response) => {
      most = Math.max(most, waiting.push(response));
      if (waiting.length !== 4) return;
      setTimeout(() => {
        for (const each of waiting.splice(0)) each.end('{"data":[]}');
      }, 50);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const list = Array.from({ length: 8 }, (_, index) => `k${index}`);
    const { code } = await check(oneRoute({ upstream: `127.0.0.1:${port}`, auth: keys(...list) }));
    expect({ code, most }).toEqual({ code: 0, most: 4 });
  });

  test("sends each key to its own provider alone, and one key to each of its backends", async () => {
    const [first, second] = await Promise.all([provider({}), provider({})]);
    const config = `
binds:
- port: 0
  listeners:
  - routes:
    - backends:
      - ai: { name: first, hostOverride: "${first.host}", provider: { openAI: {} }, policies: { backendAuth: { key: "sk-canary-first" } } }
      - ai: { name: second, hostOverride: "${second.host}", provider: { openAI: {} } }
      policies: { backendAuth: { key: "sk-canary-route" } }
    - matches: [{ path: { pathPrefix: /own } }]
      backends:
      - ai: { name: third, hostOverride: "${first.host}", provider: { openAI: {} } }
      policies: { backendAuth: { passthrough: { otherwise: { key: "sk-canary-otherwise" } } } }
`;
    await check(config);
    expect(first.keysSeen.toSorted()).toEqual(["sk-canary-first", "sk-canary-otherwise"]);
    expect(second.keysSeen).toEqual(["sk-canary-route"]);
  });

  test("sends nothing where the gateway would not start: an upstream without TLS", async () => {
    const simulator = await provider({});
    const auth = keys("one");
    const config = `${oneRoute({ upstream: simulator.host, auth })}    - backends:
      - ai: { name: far, hostOverride: "provider.example:80", provider: { openAI: {} } }
      policies: { backendAuth: ${auth} }
`;
    const ended = await runKeybearer({ config, args: ["keys", "check"] });
    expect(ended).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("KEY_IN_CLEARTEXT") });
    expect(simulator.requests).toEqual([]);
  });

  test("makes a table for people", async () => {
    const simulator = await provider({ keys: ["sk-canary-one"] });
    const config = oneRoute({ upstream: simulator.host, auth: keys("one", "two") });
    const { code, stdout } = await runKeybearer({ config, args: ["keys", "check"] });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^NAME +WHERE +SOURCE +FINGERPRINT +ENDPOINT +AUTHENTICATES +MAY GENERATE +DETAIL\n/);
    expect(stdout).toMatch(
      /^one +config\.yaml:\S+ +inline +[0-9a-f]{8} +127\.0\.0\.1:\d+ +yes +unknown +it may list models$/m,
    );
    expect(stdout).toMatch(
      /^two +config\.yaml:\S+ +inline +[0-9a-f]{8} +127\.0\.0\.1:\d+ +no +no +status 401, invalid-api-key/m,
    );
  });
});
