/** Whatever speaks undici's contract can stand behind the gateway, and the gateway's pools can stand behind undici. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { connectionPools, originOf, type DispatcherFactory } from "@keybearer/proxy";
import { Agent, fetch, interceptors, MockAgent, ProxyAgent, request, type Dispatcher } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { ai, host, route } from "./definitions.ts";
import { chatPath, startProxy, type TestBed } from "./start-proxy.ts";

const startWith = (dispatcher: DispatcherFactory): Promise<TestBed> =>
  startProxy({
    routes: (upstream) => [route({ backends: [ai({ hostOverride: upstream.host })] })],
    dispatcher,
  });

/** A forward proxy that opens tunnels (RFC 9110 section 9.3.6), and knows for where. */
async function startTunnel() {
  const asked: string[] = [];
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on("connect", ({ url = "" }, socket) => {
    asked.push(url);
    const [hostname = "", port] = url.split(":");
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const each of [socket, onward]) each.on("error", () => [socket, onward].map((other) => other.destroy()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

/** undici's dispatchers for many origins are told the origin with each request. */
function forAnyOrigin(agent: Agent | ProxyAgent): DispatcherFactory {
  return ({ url }) => agent.compose((dispatch) => (options, handler) => dispatch({ ...options, origin: url }, handler));
}

describe("the gateway before", () => {
  const factories: readonly (readonly [string, () => Promise<DispatcherFactory>])[] = [
    ["connections with undici's client", async () => connectionPools()],
    ["connections of wire", async () => connectionPools({ engine: "wire" })],
    ["undici's Agent", async () => forAnyOrigin(new Agent())],
    [
      "undici's ProxyAgent",
      async () => forAnyOrigin(new ProxyAgent({ uri: (await startTunnel()).url, proxyTunnel: true })),
    ],
  ];

  test.each(factories)("%s answers, streams and fails alike", async (_name, make) => {
    const bed = await startWith(await make());
    expect(await bed.chat()).toMatchObject({ status: 200, complete: true });
    const stream = await bed.chat({ stream: true });
    expect([stream.complete, stream.body.toString().endsWith("data: [DONE]\n\n")]).toEqual([true, true]);
    const large = await bed.chat({ messages: [{ role: "user", content: "a".repeat(500_000) }] });
    expect(large).toMatchObject({ status: 200, complete: true });
    bed.upstream.fault({ kind: "reset-before-head" });
    expect(await bed.chat()).toMatchObject({ status: 502, complete: true });
    expect(bed.upstream.requests.at(0)?.headers["authorization"]).toMatch(/^Bearer /);
  });

  test("undici's MockAgent gets what the provider would", async () => {
    const agent = new MockAgent();
    agent.disableNetConnect();
    const bed = await startWith(({ url }) => {
      const pool = agent.get(url);
      pool.intercept({ path: chatPath, method: "POST" }).reply(200, '{"mocked":true}');
      return pool;
    });
    const { status, body } = await bed.chat();
    expect([status, body.toString()]).toEqual([200, '{"mocked":true}']);
    expect(bed.upstream.requests).toEqual([]);
  });
});

describe.each(["node", "wire"] as const)("behind undici's functions, connections of the engine %s", (engine) => {
  async function startEcho() {
    let flaky = 0;
    const server = createServer((incoming, outgoing) => {
      if (incoming.url === "/flaky") outgoing.writeHead(flaky++ === 0 ? 503 : 200).end("at last");
      else incoming.pipe(outgoing);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => server.close().closeAllConnections());
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    const origin = originOf(host({ host: `127.0.0.1:${address.port}` }), undefined);
    // One in all but the shortcuts that undici adds to its own.
    const dispatcher = connectionPools({ engine })(origin, undefined) as Dispatcher;
    onTestFinished(() => dispatcher.destroy());
    return { url: origin.url, dispatcher };
  }

  test("serve request and fetch, many at once", async () => {
    const { url, dispatcher } = await startEcho();
    const bodies = Array.from({ length: 50 }, (_, place) => `${place}`.repeat(1_000));
    const asked = bodies.map(async (body, place) => {
      const options = { dispatcher, method: "POST" as const, body };
      return place % 2 === 0 ? (await request(url, options)).body.text() : (await fetch(url, options)).text();
    });
    expect(await Promise.all(asked)).toEqual(bodies);
  });

  test("stand under interceptors", async () => {
    const { url, dispatcher } = await startEcho();
    const retrying = dispatcher.compose(interceptors.retry({ minTimeout: 1, maxRetries: 2 }));
    const { statusCode, body } = await request(`${url}/flaky`, { dispatcher: retrying });
    expect([statusCode, await body.text()]).toEqual([200, "at last"]);
  });
});
