import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { echo, Failure, get, post, settled, startServer, type Exchange, type Handle } from "./server-bed.ts";

const RUNS = { numRuns: 60 };
const BODY = "0123456789".repeat(10);

describe.each([
  ["into shared memory", false],
  ["by events", true],
])("a request that is read %s", (_, readsByEvents) => {
  const start = (handle: Handle) => startServer(handle, { readsByEvents });

  test.each([
    ["of a known length", post("/a?b=c", BODY)],
    ["in chunks", post("/a?b=c", BODY, [1, 16, 40])],
    ["without a body", get("/a?b=c")],
  ])("is the same wherever it is split: %s", async (_name, bytes) => {
    const heads: unknown[] = [];
    const bed = await start((exchange) => {
      heads.push(exchange.head);
      void echo(exchange);
    });
    const client = await bed.connect();
    for (let at = 1; at < bytes.length; at++) {
      await client.sendApart([bytes.slice(0, at), bytes.slice(at)]);
      const { body } = await client.answer();
      expect(body).toBe(bytes.startsWith("GET") ? "" : BODY);
    }
    await client.sendApart(bytes.split(""));
    await client.answer();
    expect(new Set(heads.map((head) => JSON.stringify(head))).size).toBe(1);
    expect(client.unread).toBe("");
  });

  test("is answered in its turn, in whatever pieces requests come and however late answers are", async () => {
    const late: boolean[] = [];
    const bed = await start((exchange) => {
      if (late.shift() === true) setImmediate(() => void echo(exchange));
      else void echo(exchange);
    });
    const request = fc.record({
      body: fc.string({ unit: "binary-ascii", maxLength: 300 }),
      chunks: fc.option(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 5 }), { nil: undefined }),
      isLate: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        async (requests, cuts) => {
          late.splice(0, late.length, ...requests.map(({ isLate }) => isLate));
          const bytes = requests.map(({ body, chunks }, index) => post(`/${index}`, body, chunks)).join("");
          const edges = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
          const client = await bed.connect();
          await client.sendApart(edges.slice(1).map((end, index) => bytes.slice(edges[index], end)));
          for (const [index, { body }] of requests.entries()) {
            const answer = await client.answer();
            expect([/x-target: (.*)\r/.exec(answer.head)?.[1], answer.body]).toEqual([`/${index}`, body]);
          }
          expect(client.unread).toBe("");
          client.socket.destroy();
        },
      ),
      RUNS,
    );
  });

  test.each(["end", "reset"])("of a client that vanishes at any point harms nobody: %s", async (how) => {
    let [begun, gone] = [0, 0];
    const bed = await start((exchange) => {
      begun += 1;
      exchange.onClientGone((reason) => {
        gone += 1;
        expect(reason.code).toBe("WIRE_CLIENT_CLOSED");
      });
      // Never answered, and its body is waited for.
      Promise.resolve(exchange.readBody({ limitBytes: Infinity })).catch((error: unknown) =>
        expect(error).toBeInstanceOf(Failure),
      );
    });
    const bytes = post("/a", BODY, [50]) + get("/b");
    for (let at = 0; at <= bytes.length; at += 3) {
      const client = await bed.connect();
      await client.sendApart([bytes.slice(0, at)]);
      if (how === "end") client.socket.destroy();
      else client.socket.resetAndDestroy();
    }
    await vi.waitFor(() => expect(bed.connections.size).toBe(0));
    expect(begun).toBeGreaterThan(20);
    expect(gone).toBe(begun);
    expect(bed.refused).toEqual([]);
  });
});

test("a client that is half through its request and says that it is done is told so", async () => {
  const bed = await startServer((exchange) => void echo(exchange));
  for (const half of ["GET / HT", post("/", BODY).slice(0, -1), post("/", BODY, [50]).slice(0, -3)]) {
    const client = await bed.connect();
    client.send(half);
    client.socket.end();
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 400 .*\r\nconnection: close\r\n/s);
  }
  expect(bed.refused).toEqual([]);
});

test("requests that are sent ahead wait where they are, and all have their answers in the end", async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const bed = await startServer((exchange) => void held.then(() => echo(exchange)));
  const client = await bed.connect();
  const body = "x".repeat(1000);
  const count = 16_000;
  client.send(post("/0", body).repeat(count));
  // What does not fit into the sockets between us stays with the client.
  await settled(() => client.socket.writableLength);
  expect(client.socket.writableLength).toBeGreaterThan(0);
  release();
  for (let index = 0; index < count; index++) expect((await client.answer()).body.length).toBe(1000);
});

test("what comes behind the last answer is thrown away, and not kept until the connection has closed", async () => {
  const bed = await startServer((exchange) => void setImmediate(() => void echo(exchange)));
  const client = await bed.connect();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /next HTTP/1.1\r\n`);
  await client.answer();
  const before = process.memoryUsage().arrayBuffers;
  const bytes = Buffer.alloc(1024 * 1024, "x");
  for (let count = 0; count < 40; count++) await new Promise((resolve) => client.socket.write(bytes, resolve));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * bytes.length);
});

test("answers to requests that were sent ahead do not pile up before a client that takes none", async () => {
  let answers = 0;
  const bed = await startServer((exchange) => {
    answers += 1;
    exchange.sendHead(200, ["content-length", "100000"]);
    exchange.write(Buffer.alloc(100_000, "x"));
    exchange.end();
  });
  const client = await bed.connect();
  client.socket.pause();
  client.send(get("/").repeat(1000));
  expect(await settled(() => answers)).toBeLessThan(500);
  client.socket.resume();
  for (let index = 0; index < 1000; index++) expect((await client.answer()).body.length).toBe(100_000);
});

describe("a body", () => {
  test("that nobody takes stops the client", async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    const bed = await startServer(resolve);
    const client = await bed.connect();
    const bytes = 16 * 2 ** 20;
    client.send(post("/", "x".repeat(bytes)));
    const exchange = await promise;
    expect(await settled(() => client.socket.writableLength)).toBeGreaterThan(0);
    let received = 0;
    for await (const chunk of exchange.body(Infinity)) received += chunk.length;
    expect([received, exchange.receivedBytes]).toEqual([bytes, bytes]);
  });

  test.each([
    ["known", post("/", BODY)],
    ["not known", post("/", BODY, [10, 20])],
  ])("of a length that is %s may be as long as it may be, and not longer", async (_, bytes) => {
    const outcomes: unknown[] = [];
    const bed = await startServer(async (exchange) => {
      const limit = Number(exchange.head.target.slice(1) || BODY.length);
      const body = await Promise.resolve(exchange.readBody({ limitBytes: limit })).catch((error: unknown) => error);
      outcomes.push(body instanceof Failure ? [body.code, body.facts.limitBytes] : (body as Uint8Array).length);
      exchange.sendHead(200, ["content-length", "0"]);
      exchange.end();
    });
    const client = await bed.connect();
    for (const limit of [BODY.length, BODY.length - 1]) {
      client.send(bytes.replace(" / ", ` /${limit} `));
      await client.answer();
    }
    expect(outcomes).toEqual([BODY.length, ["WIRE_BODY_TOO_LARGE", BODY.length - 1]]);
  });

  test("of a request that is over concerns no later one", async () => {
    const exchanges: Exchange[] = [];
    const bed = await startServer((exchange) => {
      exchanges.push(exchange);
      if (exchanges.length > 1) return;
      exchange.sendHead(200, ["content-length", "0"]);
      exchange.end();
    });
    const client = await bed.connect();
    client.send(post("/first", "abc"));
    await client.answer();
    await client.sendApart(["POST /next HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"]);
    await vi.waitFor(() => expect(exchanges).toHaveLength(2));
    await exchanges[0]?.body(Infinity)[Symbol.asyncIterator]().next();
    exchanges[1]?.sendHead(200, ["content-length", "0"]);
    exchanges[1]?.end();
    expect((await client.answer()).head).toMatch(/^HTTP\/1.1 200 /);
  });

  test("that is malformed fails for whoever reads it, and the client is told", async () => {
    const outcomes: unknown[] = [];
    const bed = await startServer(async (exchange) => {
      exchange.onClientGone(({ code }) => outcomes.push(code));
      await Promise.resolve(exchange.readBody({ limitBytes: Infinity })).catch(({ code }: Failure) =>
        outcomes.push(code),
      );
    });
    const client = await bed.connect();
    await client.sendApart([post("/", BODY, [50]).slice(0, -10), "nonsense\r\n"]);
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 400 .*WIRE_MALFORMED$/s);
    expect(outcomes).toEqual(["WIRE_MALFORMED", "WIRE_MALFORMED"]);
    expect(bed.refused).toEqual([]);
  });

  test("that was cut short by an early answer is thrown away, and the next request is served", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, ["content-length", "2", "x-target", exchange.head.target]);
      exchange.write(Buffer.from("ok"));
      exchange.end();
    });
    const client = await bed.connect();
    const [first, second] = [post("/1", "x".repeat(500_000)), get("/2")];
    client.send(first.slice(0, 200));
    expect((await client.answer()).head).toContain("x-target: /1\r\n");
    client.send(first.slice(200) + second);
    expect((await client.answer()).head).toContain("x-target: /2\r\n");
  });
});
