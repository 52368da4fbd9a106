import { expect, test, vi } from "vitest";
import { echo, get, limits, post, settled, startServer, type Exchange } from "./server-bed.ts";

const LATE_MS = 1_000_000;

test.each([
  ["nothing", ""],
  ["half a head", "GET / HT"],
  ["half a body", post("/", "abc").slice(0, -1)],
])("a client that sends %s and no more is told when its time is up", async (_, bytes) => {
  const begun: Exchange[] = [];
  const bed = await startServer((exchange) => {
    begun.push(exchange);
    void echo(exchange);
  });
  const client = await bed.connect();
  await client.sendApart([bytes]);
  const now = performance.now();
  bed.check(now + LATE_MS);
  bed.check(now + LATE_MS + 900);
  expect(bed.connections.size).toBe(1);
  bed.check(now + LATE_MS + 1100);
  expect(await client.rest()).toMatch(/^HTTP\/1.1 408 .*\r\nconnection: close\r\n/s);
  expect(bed.refused).toEqual(begun.length > 0 ? [] : ["WIRE_TIMEOUT"]);
});

test("a body that comes on may take as long as the whole request", async () => {
  const bed = await startServer((exchange) => void echo(exchange), { limits: { headTimeoutMs: Infinity } });
  const client = await bed.connect();
  const now = performance.now();
  client.send(post("/", "x".repeat(100_000)).slice(0, 200));
  for (let second = 0; second < 10; second++) {
    await client.sendApart(["x".repeat(1100)]);
    bed.check(now + second * 990);
  }
  expect(client.unread).toBe("");
  bed.check(now + 11_000);
  expect(await client.rest()).toMatch(/^HTTP\/1.1 408 /);
});

test("a client is not hurried whose body nobody takes any more", async () => {
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const bed = await startServer(async (exchange) => {
    for await (const _ of exchange.body(Infinity)) break;
    resolve(exchange);
  });
  const client = await bed.connect();
  client.send(post("/", "x".repeat(100_000)).slice(0, 50_000));
  const exchange = await promise;
  const now = performance.now();
  for (const ms of [0, 1, 2, 3]) bed.check(now + ms * 2 * limits.bodyTimeoutMs);
  exchange.sendHead(200, ["content-length", "0"]);
  exchange.end();
  expect((await client.answer()).head).toMatch(/^HTTP\/1.1 200 /);
});

test("a connection is idle between two requests, not while one is served", async () => {
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const bed = await startServer(resolve);
  const client = await bed.connect();
  client.send(get("/"));
  const exchange = await promise;
  const now = performance.now();
  for (const times of [1, 2, 3]) bed.check(now + times * LATE_MS);
  exchange.sendHead(200, ["content-length", "0"]);
  exchange.end();
  await client.answer();
  bed.check(now + 4 * LATE_MS);
  bed.check(now + 4 * LATE_MS + limits.idleTimeoutMs);
  expect(bed.connections.size).toBe(1);
  bed.check(now + 4 * LATE_MS + limits.idleTimeoutMs + 1);
  expect(await client.ended).toBe("end");
  expect(bed.limited).toEqual(["connection_idle"]);
});

test("empty lines, one by one, are no request: before the first its time runs out, behind it the connection is idle", async () => {
  const bed = await startServer((exchange) => void echo(exchange));
  const [fresh, used] = [await bed.connect(), await bed.connect()];
  used.send(get("/"));
  await used.answer();
  const now = performance.now();
  const step = 500;
  for (let ms = 0; ms <= limits.idleTimeoutMs + step; ms += step) {
    if (ms % (50 * step) === 0) await Promise.all([fresh, used].map((client) => client.sendApart(["\r\n"])));
    bed.check(now + ms);
  }
  expect(await fresh.rest()).toMatch(/^HTTP\/1.1 408 /);
  expect(await used.ended).toMatch(/^(?:end|reset)$/);
  expect(bed.limited).toEqual(["connection_idle"]);
});

test("a client that takes nothing of its answer is cut, and whoever answers is told", async () => {
  const reasons: unknown[] = [];
  const bed = await startServer((exchange) => {
    exchange.onClientGone(({ code, facts }) => reasons.push([code, facts.timeoutMs]));
    exchange.sendHead(200, [], true);
    for (let count = 0; count < 500; count++) exchange.write(Buffer.alloc(70_000));
  });
  const client = await bed.connect();
  client.socket.pause();
  client.send(get("/"));
  await vi.waitFor(() => expect(bed.connections.size).toBe(1));
  await settled(() => client.socket.bytesRead);
  const now = performance.now();
  bed.check(now);
  bed.check(now + 900);
  expect(reasons).toEqual([]);
  bed.check(now + 1100);
  expect(reasons).toEqual([["WIRE_NOT_READING", limits.sendTimeoutMs]]);
  expect(bed.limited).toEqual(["client_not_reading"]);
  await vi.waitFor(() => expect(bed.connections.size).toBe(0));
});

test("an old connection ends with its next answer, one that drains at once, and neither in the middle", async () => {
  const exchanges: Exchange[] = [];
  const bed = await startServer((exchange) => void exchanges.push(exchange), {
    limits: { headTimeoutMs: Infinity, connectionDurationMs: 1000 },
  });
  const [old, busy, idle] = [await bed.connect(), await bed.connect(), await bed.connect()];
  bed.check(performance.now() + 2000);
  expect(bed.limited).toEqual(["connection_duration", "connection_duration", "connection_duration"]);
  for (const client of [old, busy]) client.send(get("/"));
  await vi.waitFor(() => expect(exchanges).toHaveLength(2));
  for (const connection of bed.connections) connection.drain();
  expect(await idle.ended).toBe("end");
  for (const exchange of exchanges) {
    exchange.sendHead(200, ["content-length", "0"]);
    exchange.end();
  }
  for (const client of [old, busy]) expect(await client.rest()).toMatch(/\r\nconnection: close\r\n/);
});

test("a head that is too large, and one with too many headers, are told apart from nonsense", async () => {
  const bed = await startServer((exchange) => void echo(exchange));
  for (const line of [`X: ${"a".repeat(70_000)}`, Array.from({ length: 100 }, () => "X: 1").join("\r\n"), "X : 1"]) {
    const client = await bed.connect();
    client.send(get("/", line));
    expect(await client.rest()).toMatch(/^HTTP\/1.1 400 /);
  }
  expect(bed.refused).toEqual(["WIRE_HEAD_TOO_LARGE", "WIRE_HEAD_TOO_LARGE", "WIRE_MALFORMED"]);
});
