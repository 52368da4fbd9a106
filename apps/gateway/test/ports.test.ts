import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { GatewayError } from "keybearer";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { gatewayInProcess } from "./in-process.ts";
import { runKeybearer, startKeybearer } from "./keybearer.ts";
import { freePort } from "./free-port.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const keyed = (more: { bind?: string[]; policies?: string[]; auth?: string } = {}): string =>
  oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', ...more });
const onPort = (port: number | string): string => keyed().replace("port: 0", `port: ${port}`);

describe("a port that is in use: one line, exit 1:", () => {
  test("by another process, whether one thread serves or two", async () => {
    const port = await takenPort("127.0.0.1");
    const runs = ["1", "2"].map((threads) => runKeybearer({ config: onPort(port), env: { WORKER_THREADS: threads } }));
    for (const { code, stdout, stderr } of await Promise.all(runs)) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toBe(
        `keybearer: PORT_IN_USE: the gateway cannot listen on 127.0.0.1, port ${port}: it is in use by another process\n`,
      );
    }
  });

  test("by another keybearer, whose threads share it", async () => {
    const first = await startKeybearer({ config: keyed(), env: { WORKER_THREADS: "2" } });
    const { port } = new URL(first.url);
    const runs = ["1", "2"].map((threads) => runKeybearer({ config: onPort(port), env: { WORKER_THREADS: threads } }));
    for (const { code, stderr } of await Promise.all(runs)) {
      expect(stderr).toMatch(/^keybearer: PORT_IN_USE: .*\n$/);
      expect(code).toBe(1);
    }
    expect((await ask(first.url)).status).toBe(200);
  });

  test("of the admin pages, metrics or readiness: the line names which, and its field", async () => {
    const port = await takenPort("127.0.0.1");
    const names = ["ADMIN", "STATS", "READINESS"];
    const runs = names.map((name) => runKeybearer({ config: keyed(), env: { [`${name}_ADDR`]: `127.0.0.1:${port}` } }));
    for (const [index, { code, stderr }] of (await Promise.all(runs)).entries()) {
      const name = names[index]!.toLowerCase();
      expect(stderr).toMatch(new RegExp(`^keybearer: PORT_IN_USE: the ${name} port \\(config\\.${name}Addr\\) .*\n$`));
      expect(code).toBe(1);
    }
  });

  test("as a library: GatewayError, and what was opened before is closed", async () => {
    const port = await takenPort("127.0.0.1");
    const free = await freePort();
    const second = onPort(port);
    const config = onPort(free) + second.slice(second.indexOf("- port"));
    const error: unknown = await gatewayInProcess({ config }).catch((error: unknown) => error);
    expect(GatewayError.is(error) && error.code).toBe("PORT_IN_USE");
    expect((await gatewayInProcess({ config: onPort(free) })).urls.binds).toEqual([`http://localhost:${free}`]);
  });
});

test.skipIf(process.getuid?.() === 0 || process.platform !== "linux")(
  "a port that needs a privilege: one line, exit 1 (skipped for root, who has it)",
  async () => {
    const { code, stderr } = await runKeybearer({ config: onPort(80) });
    expect(stderr).toMatch(/^keybearer: PORT_(?:DENIED|IN_USE): .*port 80.*\n$/);
    expect(code).toBe(1);
  },
);

test("an address that this machine has not: one line, exit 1", async () => {
  const { code, stderr } = await runKeybearer({ config: keyed({ bind: ["address: 203.0.113.9"] }) });
  expect(stderr).toMatch(/^keybearer: ADDRESS_UNAVAILABLE: .*203\.0\.113\.9.*\n$/);
  expect(code).toBe(1);
});

describe("no open relay:", () => {
  const clientKeys = "apiKey: { keys: [{ key: sk-client }] }";
  const open = { headers: { authorization: "Bearer sk-client" } };

  test("a port on which anyone could spend a key serves this machine alone, and says how to open it", async () => {
    const keybearer = await startKeybearer({ config: keyed() });
    expect(listeningAddresses(keybearer.url)).toEqual(["127.0.0.1"]);
    expect(keybearer.stderr).toMatch(/^config\.yaml:4:9: LOOPBACK_ONLY: .*policies\.apiKey.*binds\[\]\.address/m);
    expect((await ask(keybearer.url)).status).toBe(200);
    for (const url of elsewhere(keybearer.url)) await expect(ask(url)).rejects.toThrow("fetch failed");
  });

  test.each([
    ["optional client keys", { policies: ["apiKey: { mode: optional, keys: [{ key: sk-client }] }"] }],
    [
      "a fallback beside the caller's own token",
      { auth: '{ passthrough: {}, credentials: [{ key: "sk-b", location: { cookie: { name: c } } }] }' },
    ],
  ])("nor do %s open it", async (_, more) => {
    const gateway = await gatewayInProcess({ config: keyed(more) });
    expect(gateway.notices.join("\n")).toContain("LOOPBACK_ONLY");
    for (const url of elsewhere(gateway.urls.binds[0]!)) await expect(ask(url)).rejects.toThrow("fetch failed");
  });

  test.each([
    ["client keys", { policies: [clientKeys] }],
    ["an address", { bind: ["address: 0.0.0.0"] }],
    ["the callers' own tokens", { auth: "{ passthrough: {} }" }],
    ["a route without a key", { auth: undefined as unknown as string }],
  ])("%s open it", async (_, more) => {
    const gateway = await gatewayInProcess({ config: keyed(more) });
    expect(gateway.notices).toEqual([]);
    for (const url of elsewhere(gateway.urls.binds[0]!)) expect((await ask(url, open)).status).toBe(200);
  });

  test("client keys are asked for: none, or a wrong one, is 401 and no call upstream; the right one goes no further", async () => {
    const gateway = await gatewayInProcess({ config: keyed({ policies: [clientKeys] }) });
    const url = gateway.urls.binds[0]!;
    provider.clear();
    expect((await ask(url)).status).toBe(401);
    expect((await ask(url, { headers: { authorization: "Bearer sk-other" } })).status).toBe(401);
    expect(provider.requests).toEqual([]);
    expect((await ask(url, open)).status).toBe(200);
    expect(provider.keysSeen).toEqual(["sk-a"]);
  });

  test("a page of another site is refused there, unless a cors policy allows its origin", async () => {
    const cors = 'cors: { allowOrigins: ["https://ours.example"], allowMethods: [POST] }';
    const [plain, shared] = await Promise.all([
      gatewayInProcess({ config: keyed() }),
      gatewayInProcess({ config: keyed({ policies: [cors] }) }),
    ]);
    const from = (gateway: typeof plain, origin: string) => ask(gateway.urls.binds[0]!, { headers: { origin } });
    provider.clear();
    const refused = await from(plain, "https://evil.example");
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { code: "cross_site_refused" } });
    expect((await from(shared, "https://evil.example")).status).toBe(403);
    expect((await from(plain, "null")).status).toBe(403);
    expect(provider.requests).toEqual([]);
    const allowed = await from(shared, "https://ours.example");
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://ours.example");
  });
});

async function listen(server: Server, port: number, host?: string): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function takenPort(host: string): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  return listen(server, 0, host);
}

/** As the kernel has them; only on Linux. */
function listeningAddresses(url: string): string[] {
  if (process.platform !== "linux") return ["127.0.0.1"];
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  const tables = ["tcp", "tcp6"].map((name) => readFileSync(`/proc/net/${name}`, "utf8"));
  const sockets = tables.flatMap((table) => Array.from(table.matchAll(/^ *\d+: (\w+):(\w+) \w+:\w+ 0A /gm)));
  return sockets.filter(([, , at]) => at === port).map(([, address = ""]) => ipv4(address));
}

/** `0100007F` -> `127.0.0.1`; the sixteen bytes of an IPv6 address stay as they are. */
function ipv4(hex: string): string {
  return hex.length === 8 ? Array.from(Buffer.from(hex, "hex")).toReversed().join(".") : hex;
}

/** The same port under the machine's other addresses; none where it has no network. */
function elsewhere(url: string): string[] {
  const { port } = new URL(url);
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && family === "IPv4")
    .map(({ address }) => `http://${address}:${port}`);
}
