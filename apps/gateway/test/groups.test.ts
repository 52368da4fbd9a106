/** Several providers behind one backend, in agentgateway's `groups`: what a caller sees of them. */
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { expect, onTestFinished, test } from "vitest";
import { ask } from "./configs.ts";
import { runKeybearer, startKeybearer } from "./keybearer.ts";

async function provider(options: Parameters<typeof startSimulator>[0]): Promise<Simulator> {
  const simulator = await startSimulator(options);
  onTestFinished(() => simulator.close());
  return simulator;
}

const groups = (hosts: readonly string[], settings = "{}") => `
config: ${settings}
binds:
- port: 0
  listeners:
  - routes:
    - backends:
      - ai:
          groups:
          - providers:
            - name: p1
              provider: { openAI: { model: gpt-4o } }
              hostOverride: "${hosts[0]}"
              policies: { backendAuth: { key: "$KEY_1" } }
            - name: p1b
              provider: { openAI: { model: gpt-4o } }
              hostOverride: "${hosts[1]}"
              policies: { backendAuth: { key: "$KEY_2" } }
          - providers:
            - name: p2
              provider: { openAI: { model: gpt-4o-mini } }
              hostOverride: "${hosts[2]}"
              policies: { backendAuth: { key: { file: key.txt } } }
`;
const env = { KEY_1: "sk-one-one-one", KEY_2: "sk-two-two-two" };

test("the second group serves when the keys of the first are limited and refused, on each thread", async () => {
  const first = await provider({ keys: [{ key: env.KEY_1, remaining: 0, retryAfterSeconds: 60 }] });
  const second = await provider({ keys: [] });
  const last = await provider({ keys: ["sk-three-three"] });
  const config = groups([first.host, second.host, last.host], "{ workerThreads: 2, keyHeader: true }");
  const gateway = await startKeybearer({ config, env, files: { "key.txt": "sk-three-three" } });

  for (let count = 0; count < 8; count++) {
    const answer = await ask(gateway.url, { body: { stream: count % 2 === 1 } });
    expect([answer.status, answer.headers.get("keybearer-key")]).toEqual([200, "p2"]);
    await answer.text();
  }
  // What one thread has learnt, the other knows: neither key was sent a second time.
  expect([first, second].map(({ requests }) => requests.length)).toEqual([1, 1]);
  expect(last.requests.map(({ body }) => JSON.parse(body.toString()).model)).toEqual(Array(8).fill("gpt-4o-mini"));

  const table = await runKeybearer({ args: ["keys", "--admin", gateway.urls.admin] });
  expect(table.stdout).toMatch(/^p1 .*cooling/m);
  expect(table.stdout).toMatch(/^p1b .*quarantined/m);
  expect(table.stdout).toMatch(/^p2 .*healthy/m);
  await gateway.stop();
});

test("a provider that is away costs one attempt", async () => {
  const away = await provider({});
  const { host } = away;
  await away.close();
  const other = await provider({});
  const config = groups([host, host, other.host]);
  const gateway = await startKeybearer({ config, env, files: { "key.txt": "sk-three-three" } });
  for (let count = 0; count < 3; count++) expect((await ask(gateway.url)).status).toBe(200);
  expect(other.requests).toHaveLength(3);
  const lines = await gateway.accessLog(3);
  expect(lines.map((line) => JSON.stringify(line).match(/upstream_unreachable/g)?.length)).toEqual([
    2,
    undefined,
    undefined,
  ]);
  await gateway.stop();
});

test("all keys of the groups are checked, and each stands in the list", async () => {
  const good = await provider({ keys: [env.KEY_1, env.KEY_2] });
  const config = groups([good.host, good.host, good.host]);
  const checked = await runKeybearer({
    args: ["keys", "check", "-f", "config.yaml"],
    files: { "config.yaml": config, "key.txt": "sk-three-three" },
    env,
  });
  expect(checked.code).toBe(1);
  expect(checked.stdout).toMatch(/^p1 .* yes .*\np1b .* yes .*\np2 .* no .*401/m);
});
