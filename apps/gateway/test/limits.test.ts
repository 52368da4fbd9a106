import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@keybearer/simulator";
import { expect, onTestFinished, test, vi } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { startKeybearer } from "./keybearer.ts";

test("limits of frontendPolicies are counted, and a reload changes them without a restart", async () => {
  const provider = await startSimulator();
  onTestFinished(() => provider.close());
  const configWith = (limits: string): string =>
    `frontendPolicies: ${limits}\n${oneRoute({ upstream: provider.host, auth: "{ key: sk-of-the-gateway }" })}`;
  const tight = configWith("{ http: { maxBufferSize: 300, http1MaxHeaders: 20 }, tcp: { maxConnections: 50 } }");
  const gateway = await startKeybearer({ config: tight });
  const headers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`x-${index}`, "1"]));
  const body = { user: "a".repeat(300), stream: true };
  const statuses = async (): Promise<number[]> => [
    (await ask(gateway.url, { headers })).status,
    (await ask(gateway.url, { body })).status,
  ];
  expect(await statuses()).toEqual([431, 413]);
  await vi.waitFor(async () => {
    const metrics = await (await fetch(`${gateway.urls.stats}/metrics`)).text();
    expect(metrics).toContain('keybearer_limits_total{limit="head_too_large"} 1\n');
    expect(metrics).toContain('keybearer_limits_total{limit="request_too_large"} 1\n');
  }, 5000);

  writeFileSync(join(gateway.directory, "config.yaml"), configWith("{ http: { http1MaxHeaders: 100 } }"));
  const reload = { method: "POST", headers: { "x-keybearer-admin": "1" } };
  const outcome = await (await fetch(`${gateway.urls.admin}/config/reload`, reload)).json();
  expect(outcome).toMatchObject({ state: "synchronized", needsRestart: [] });
  expect(await statuses()).toEqual([200, 200]);
});
