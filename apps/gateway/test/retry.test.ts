import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { startKeybearer } from "./keybearer.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

test("a retry policy of the config is what the provider, the log and the metrics see", async () => {
  const policies = ["retry: { attempts: 2, backoff: 1ms, codes: [503] }"];
  const keybearer = await startKeybearer({
    config: oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', policies }),
  });
  provider.fault([{ kind: "status", status: 503 }, { kind: "reset-before-head" }]);
  expect((await ask(keybearer.url)).status).toBe(200);
  provider.fault({ kind: "status", status: 500 });
  expect((await ask(keybearer.url)).status).toBe(500);

  const attempts = provider.requests.map(({ headers }) => headers["x-retry-attempt"]);
  expect(attempts).toEqual([undefined, "1", "2", undefined]);
  const [served, failed] = await keybearer.accessLog(2);
  expect(served).toMatchObject({
    "http.status": 200,
    "retry.attempt": 2,
    "key.attempts": [
      { key: "openai", outcome: "overloaded", rule: "overloaded", status: 503 },
      { key: "openai", outcome: "network", rule: "upstream_closed", status: 0 },
    ],
  });
  expect(failed).not.toHaveProperty("retry.attempt");
  const metrics = await (await fetch(`${keybearer.urls.stats}/metrics`)).text();
  expect(metrics).toMatch(/^agentgateway_retries_total\{.*status="200".*\} 2$/m);
  expect(metrics).not.toMatch(/^agentgateway_retries_total\{.*status="500"/m);
});
