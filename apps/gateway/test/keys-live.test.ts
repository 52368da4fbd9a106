/** Keys as the running gateway sees them, and how a refused one comes back by itself. */
import { startSimulator } from "@keybearer/simulator";
import { expect, test } from "vitest";
import { ask, noSmallServers, oneRoute } from "./configs.ts";
import { gatewayInProcess } from "./in-process.ts";
import { runKeybearer, startKeybearer } from "./keybearer.ts";

test("a key that the provider refuses is told of, left out, and used again once a free check succeeds", async () => {
  const provider = await startSimulator({ keys: ["sk-second-key"] });
  const auth =
    "{ strategy: ordered, keys: [{ name: first, key: { file: first.txt } }, { name: second, key: { file: second.txt } }] }";
  const gateway = await startKeybearer({
    config: oneRoute({ upstream: provider.host, auth }),
    files: { "first.txt": "sk-first-key", "second.txt": "sk-second-key" },
  });

  expect([(await ask(gateway.url)).status, (await ask(gateway.url)).status]).toEqual([200, 200]);
  // The first was tried once, and by no caller again.
  expect(provider.requests.map(({ key }) => key)).toEqual(["sk-first-key", "sk-second-key", "sk-second-key"]);
  const table = await runKeybearer({ args: ["keys", "--admin", gateway.urls.admin] });
  expect(table).toMatchObject({ code: 0 });
  expect(table.stdout).toMatch(/^first .*quarantined/m);
  expect(table.stdout).toMatch(/^second .*healthy/m);

  const metrics = await (await fetch(`${gateway.urls.stats}/metrics`)).text();
  expect(metrics).toContain('keybearer_key_attempts_total{key="first",status="401"} 1\n');
  expect(metrics).toContain('keybearer_key_attempts_total{key="second",status="200"} 2\n');

  provider.addKey("sk-first-key");
  await gateway.said("stderr", /"event":"key_recovered","key":"first".*"by":"probe"/);
  expect((await ask(gateway.url)).status).toBe(200);
  expect(provider.requests.at(-1)).toMatchObject({ path: "/v1/chat/completions", key: "sk-first-key" });
  await gateway.stop();
  await provider.close();
});

test.each([
  ["{ keyHeader: true }", "openai"],
  ["{}", null],
])("with config %s an answer's keybearer-key is %s", async (settings, expected) => {
  const provider = await startSimulator();
  const config = oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', settings });
  const { urls } = await gatewayInProcess({ config, settingsEnv: noSmallServers });
  expect((await ask(urls.binds[0]!)).headers.get("keybearer-key")).toBe(expected);
  await provider.close();
});
