import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { startKeybearer } from "./keybearer.ts";
import { nextReload, replaceFile, textFrom } from "./reloading.ts";

const config = (port: number, settings: string) => `
config: ${settings}
binds:
- port: 0
  listeners:
  - routes:
    - backends: [{ host: "127.0.0.1:${port}" }]
`;

/** An upstream that answers when it is told to. */
async function startUpstream() {
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => void waiting.push(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  return {
    port: (server.address() as AddressInfo).port,
    waiting,
    connections: () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count))),
  };
}

test("the limits of config.backend hold in a thread, and /metrics tells when they bite", async () => {
  const upstream = await startUpstream();
  const settings = "{ workerThreads: 1, backend: { maxConnections: 1, queueSize: 0 } }";
  const keybearer = await startKeybearer({ config: config(upstream.port, settings) });
  const metric = async (name: string) =>
    (await textFrom(`${keybearer.urls.stats}/metrics`)).split("\n").filter((line) => line.startsWith(`${name}{`));
  const first = fetch(keybearer.url);
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(1));
  const second = await fetch(keybearer.url);
  expect([second.status, second.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await second.json()).toMatchObject({ error: { code: "upstream_busy" } });
  upstream.waiting[0]?.end("served");
  expect(await (await first).text()).toBe("served");
  expect(await metric("keybearer_limits_total")).toEqual(['keybearer_limits_total{limit="upstream_queue_full"} 1']);
  expect(await metric("keybearer_upstream_connections")).toEqual([
    `keybearer_upstream_connections{endpoint="127.0.0.1:${upstream.port}"} 1`,
  ]);
});

test.each(["wire", "node"])(
  "config.backend says how long a provider may be silent, before its answer and within it (%s)",
  async (engine) => {
    const upstream = await startUpstream();
    const settings = `{ engine: ${engine}, backend: { headerTimeout: 100ms, bodyTimeout: 150ms } }`;
    const keybearer = await startKeybearer({ config: config(upstream.port, settings) });
    const unanswered = await fetch(keybearer.url);
    expect(unanswered.status).toBe(504);
    expect(await unanswered.json()).toMatchObject({ error: { code: "upstream_timeout" } });
    const begun = fetch(keybearer.url);
    await vi.waitFor(() => expect(upstream.waiting).toHaveLength(2));
    upstream.waiting[1]?.write("begun");
    await expect((await begun).text()).rejects.toThrow();
    const errors = (await keybearer.accessLog(2)).map(({ error }) => error);
    expect(errors).toEqual([
      "The provider did not begin to answer in time.",
      "The provider fell silent in the middle of its answer.",
    ]);
  },
);

test("a reload ends the connections to backends that it no longer names, once their requests have ended", async () => {
  const [old, next] = [await startUpstream(), await startUpstream()];
  const settings = "{ workerThreads: 2 }";
  const keybearer = await startKeybearer({ config: config(old.port, settings), env: { RUST_LOG: "info" } });
  const served = fetch(keybearer.url);
  const long = fetch(keybearer.url);
  await vi.waitFor(() => expect(old.waiting).toHaveLength(2));
  old.waiting[0]?.end("short");
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", config(next.port, settings)));
  const moved = fetch(keybearer.url);
  await vi.waitFor(() => expect(next.waiting).toHaveLength(1));
  next.waiting[0]?.end("moved");
  expect(await (await moved).text()).toBe("moved");
  expect(await old.connections()).toBeGreaterThan(0);
  old.waiting[1]?.end("long");
  expect((await Promise.all([served, long].map(async (each) => (await each).text()))).toSorted()).toEqual([
    "long",
    "short",
  ]);
  await vi.waitFor(async () => expect(await old.connections()).toBe(0));
  expect(await next.connections()).toBe(1);
});
