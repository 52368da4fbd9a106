/** What metrics and `keybearer keys` tell of each key while it rotates, is refused, and goes. */
import { rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@keybearer/simulator";
import { expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { directoryOf, runKeybearer, startKeybearer, type Keybearer } from "./keybearer.ts";
import { nextReload, replaceFile } from "./reloading.ts";

const first = "{ name: first, key: { file: first.txt } }";
const second = "{ name: second, key: { file: second.txt } }";
const third = "{ name: third, key: { file: second.txt } }";
const upstreamKeys = ["sk-first-old", "sk-first-new", "sk-second"];

async function metricsOf({ urls }: Keybearer): Promise<string> {
  return (await fetch(`${urls.stats}/metrics`)).text();
}

/** Asks until a line is as it should be, and gives all lines about keys of that moment. */
async function untilLine(gateway: Keybearer, line: RegExp): Promise<string> {
  await expect.poll(() => metricsOf(gateway), { timeout: 20_000 }).toMatch(line);
  return metricsOf(gateway);
}

function ageIn(metrics: string, key: string): number {
  return Number(new RegExp(`^keybearer_key_age_seconds\\{key="${key}"\\} (\\d+)$`, "m").exec(metrics)?.[1]);
}

test("each key's state, age, refreshes, requests in flight and cached tokens are on the metrics port", async () => {
  const provider = await startSimulator({ keys: upstreamKeys });
  const directory = directoryOf({ "first.txt": "sk-first-old\n", "second.txt": "sk-second\n" });
  const dayAgo = Date.now() / 1000 - 86_400;
  utimesSync(join(directory, "first.txt"), dayAgo, dayAgo);
  const config = (keys: string) =>
    oneRoute({ upstream: provider.host, auth: `{ strategy: ordered, keys: [${keys}] }` });
  const gateway = await startKeybearer({
    directory,
    config: config(`${first}, ${second}, ${third}`),
    env: { RUST_LOG: "info" },
  });

  await (await ask(gateway.url, { headers: { "x-simulate": "cached-tokens=3" } })).text();
  let metrics = await metricsOf(gateway);
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="healthy"} 1\n');
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="quarantined"} 0\n');
  expect(metrics).toContain('\nkeybearer_key_cached_input_tokens_total{key="first"} 3\n');
  expect(metrics).toContain('\nkeybearer_key_refreshes_total{key="first",result="new"} 0\n');
  expect(ageIn(metrics, "first")).toBeGreaterThanOrEqual(86_400);

  // A request that never ends by itself.
  provider.fault({ kind: "stall-before-head" });
  const leaving = new AbortController();
  const arrived = provider.waitForRequest();
  const asked = ask(gateway.url, { signal: leaving.signal }).catch(() => "gone");
  await arrived;
  metrics = await metricsOf(gateway);
  expect(metrics).toContain('\nkeybearer_key_in_flight{key="first"} 1\n');
  expect(metrics).toContain('\nkeybearer_key_in_flight{key="second"} 0\n');
  leaving.abort();
  expect(await asked).toBe("gone");
  await untilLine(gateway, /^keybearer_key_in_flight\{key="first"\} 0$/m);

  replaceFile(directory, "first.txt", "sk-first-new\n");
  metrics = await untilLine(gateway, /^keybearer_key_refreshes_total\{key="first",result="new"\} 1$/m);
  expect(ageIn(metrics, "first")).toBeLessThan(86_400);

  // The refused key's source is asked for something newer, and has nothing; the version before serves, until it is refused.
  provider.revokeKey("sk-first-new");
  expect((await ask(gateway.url)).status).toBe(200);
  metrics = await metricsOf(gateway);
  expect(metrics).toMatch(/^keybearer_key_refreshes_total\{key="first",result="same"\} [1-9]/m);
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="healthy"} 0\n');
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="overlap"} 1\n');
  provider.revokeKey("sk-first-old");
  expect((await ask(gateway.url)).status).toBe(200);
  metrics = await metricsOf(gateway);
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="overlap"} 0\n');
  expect(metrics).toContain('\nkeybearer_key_state{key="first",state="quarantined"} 1\n');
  expect(metrics).toContain('\nkeybearer_key_state{key="second",state="healthy"} 1\n');

  // What nobody has asked for before the key goes is told all the same.
  rmSync(join(directory, "first.txt"));
  const change = { method: "POST", headers: { "x-keybearer-admin": "1" } };
  expect((await fetch(`${gateway.urls.admin}/keys/first/refresh`, change)).status).toBe(502);
  await nextReload(gateway, () => replaceFile(directory, "config.yaml", config(`${second}, ${third}`)));
  metrics = await metricsOf(gateway);
  for (const gauge of ["state", "age_seconds", "in_flight"]) {
    expect(metrics).toContain(`\nkeybearer_key_${gauge}{key="second"`);
    expect(metrics).not.toContain(`\nkeybearer_key_${gauge}{key="first"`);
  }
  expect(metrics).toMatch(/^keybearer_key_refreshes_total\{key="first",result="failed"\} [1-9]/m);
  for (const value of upstreamKeys) expect(metrics).not.toContain(value);
  await gateway.stop();
  await provider.close();
});

test("a key that the clock refreshes says when, and one that is watched says so", async () => {
  const provider = await startSimulator();
  const directory = directoryOf({ "first.txt": "sk-first", "stored.txt": "sk-stored" });
  const program = `[/bin/cat, ${join(directory, "stored.txt")}]`;
  const stored = `{ name: stored, key: { exec: { command: ${program}, refreshInterval: 10m } } }`;
  const gateway = await startKeybearer({
    directory,
    config: oneRoute({ upstream: provider.host, auth: `{ keys: [${first}, ${stored}, { name: fixed, key: sk-a }] }` }),
  });
  const { stdout } = await runKeybearer({ args: ["keys", "--admin", gateway.urls.admin] });
  const column = /^(.*)NEXT REFRESH/.exec(stdout)?.[1]?.length ?? 0;
  const nextOf = (key: string) => new RegExp(`^${key} .*`, "m").exec(stdout)?.[0].slice(column).split(/ {2,}/)[0];
  expect(nextOf("first")).toBe("watched");
  expect(nextOf("stored")).toMatch(/^in [78]m/);
  expect(nextOf("fixed")).toBe("-");

  const report = await (await fetch(`${gateway.urls.admin}/keys`)).json();
  const { at, keys } = report as { at: string; keys: { name: string; refresh: Record<string, unknown> }[] };
  const refreshOf = (key: string) => keys.find(({ name }) => name === key)?.refresh;
  expect(refreshOf("first")).toEqual({ state: "fresh", watched: true });
  expect(refreshOf("stored")).toEqual({ state: "fresh", next: expect.stringMatching(/^20.*Z$/) });
  expect(Date.parse(String(refreshOf("stored")?.["next"]))).toBeGreaterThan(Date.parse(at));
  await gateway.stop();
  await provider.close();
});
