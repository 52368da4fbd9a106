import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, noSmallServers, oneRoute } from "./configs.ts";
import { gatewayInProcess } from "./in-process.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const config = (settings = "{}"): string => oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', settings });

test("a gateway in another program serves, says where, and gives a line to try", async () => {
  const gateway = await gatewayInProcess({ config: config() });
  expect(gateway.urls).toEqual({ binds: [expect.stringMatching(/^http:\/\/localhost:\d+$/)] });
  expect((await ask(gateway.urls.binds[0]!)).status).toBe(200);
  expect(gateway.example).toMatch(/^curl http:\/\/localhost:\d+\/v1\/chat\/completions /);
});

test.each([0, 2])(
  "with workers: %i, close() drains; twice is the same as once, and the port is free again",
  async (workers) => {
    const lines: string[] = [];
    const options = { config: config(), workers, accessLog: (text: Buffer) => void lines.push(text.toString()) };
    const gateway = await gatewayInProcess(options);
    const url = gateway.urls.binds[0]!;
    const answer = await ask(url, { body: { stream: true }, headers: { "x-simulate": "events=5, delay-ms=20" } });
    const [first, second] = [gateway.close(), gateway.close()];
    expect(first).toBe(second);
    expect(await answer.text()).toMatch(/data: \[DONE\]\n\n$/);
    await first;
    expect(lines.join("")).toMatch(/^\{.*"http.status":200.*\}\n$/);
    await expect(ask(url)).rejects.toThrow("fetch failed");
    const { port } = new URL(url);
    const again = await gatewayInProcess({ ...options, config: config().replace("port: 0", `port: ${port}`) });
    expect(again.urls.binds).toEqual([url]);
  },
);

test("close({ maxMs }) cuts what takes longer", async () => {
  provider.fault({ kind: "stall-after-events", afterEvents: 1 });
  const gateway = await gatewayInProcess({ config: config("{ connectionTerminationDeadline: 60s }") });
  const answer = await ask(gateway.urls.binds[0]!, { body: { stream: true } });
  await gateway.close({ maxMs: 1 });
  await expect(answer.text()).rejects.toThrow("terminated");
});

test("the admin port closes the gateway, or asks the program that runs it", async () => {
  const settingsEnv = { ...noSmallServers, ADMIN_ADDR: "127.0.0.1:0" };
  const post = (url: string | undefined) =>
    fetch(`${url}/quitquitquit`, { method: "POST", headers: { "x-keybearer-admin": "1" } });
  const { promise: asked, resolve: quit } = Promise.withResolvers<void>();
  const [alone, asking] = await Promise.all([
    gatewayInProcess({ config: config(), settingsEnv }),
    gatewayInProcess({ config: config(), settingsEnv, quit }),
  ]);
  expect((await post(asking.urls.admin)).status).toBe(200);
  await asked;
  expect((await ask(asking.urls.binds[0]!)).status).toBe(200);
  expect((await post(alone.urls.admin)).status).toBe(200);
  await alone.close();
  await expect(ask(alone.urls.binds[0]!)).rejects.toThrow("fetch failed");
});

test("a caller that leaves ends the call to the provider", async () => {
  const gateway = await gatewayInProcess({ config: config() });
  const leaving = new AbortController();
  provider.clear();
  const asking = ask(gateway.urls.binds[0]!, { signal: leaving.signal, headers: { "x-simulate": "latency-ms=60000" } });
  await provider.waitForRequest();
  leaving.abort();
  await expect(asking).rejects.toThrow("aborted");
  expect(await provider.waitForAbort()).toMatchObject({ answered: false });
});

test("the environment of the process is not read: what a config may name is handed in", async () => {
  process.env["KEYBEARER_TEST_KEY"] = "sk-of-the-process";
  const named = config().replace('"sk-a"', '"$KEYBEARER_TEST_KEY"');
  await expect(gatewayInProcess({ config: named })).rejects.toThrow("KEYBEARER_TEST_KEY is not set");
  const gateway = await gatewayInProcess({ config: named, env: { KEYBEARER_TEST_KEY: "sk-handed-in" } });
  await ask(gateway.urls.binds[0]!);
  expect(provider.requests.at(-1)!.key).toBe("sk-handed-in");
  delete process.env["KEYBEARER_TEST_KEY"];
});
