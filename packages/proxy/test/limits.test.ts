import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { assert, asyncProperty, integer, uniqueArray } from "fast-check";
import type { FrontendDefinition, LimitName } from "@keybearer/proxy";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ai, answering, credential, host, route } from "./definitions.ts";
import { chunkOf, RawClient, requestBytes, type RawResponse } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type BedOptions, type TestBed } from "./start-proxy.ts";

/** A bed whose route gives a direct answer, but for calls that this test is about. */
const startSmall = (frontend: FrontendDefinition, more: BedOptions = {}): Promise<TestBed> =>
  startProxy({ routes: () => [answering("served")], frontend, ...more });

const startHost = (frontend: FrontendDefinition): Promise<TestBed> =>
  startProxy({
    routes: (upstream) => [route({ backends: [host({ host: upstream.host, credential: credential("key") })] })],
    frontend,
  });

const codeOf = ({ body }: RawResponse): unknown => JSON.parse(body.toString()).error.code;

async function outcomeOf(bed: TestBed, bytes: string | Uint8Array): Promise<{ status: number; closes: boolean }> {
  const client = await bed.connect();
  const { status, headers } = await client.send(bytes).response();
  return { status, closes: headers["connection"] === "close" };
}

const accepted = { status: 200, closes: false };
const refusedWith = (status: number) => ({ status, closes: true });

describe("the head", () => {
  // Without the two line ends that llhttp does not count.
  const head = (bytes: number) => {
    const before = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return `${before}${"a".repeat(bytes - before.length)}\r\n\r\n`;
  };

  test("may have so many bytes, and not one kilobyte more", async () => {
    const bed = await startSmall({ headBytes: 4096 });
    expect(await outcomeOf(bed, head(4000))).toEqual(accepted);
    expect(await outcomeOf(bed, head(5120))).toEqual(refusedWith(431));
    expect(bed.limits).toEqual(["head_too_large"]);
  });

  test.each([1, 99, 1000])("may have %i headers, and not one more", async (count) => {
    const bed = await startSmall({ headers: count });
    const headers = (more: number) =>
      Array.from({ length: count - 1 + more }, (_, index) => [`x-${index}`, "1"]).flat();
    expect(await outcomeOf(bed, requestBytes({ headers: headers(0) }))).toEqual(accepted);
    expect(await outcomeOf(bed, requestBytes({ headers: headers(1) }))).toEqual(refusedWith(431));
    expect(bed.limits).toEqual(["head_too_large"]);
  });

  test("may have a target of so many bytes, and not one more", async () => {
    const bed = await startSmall({ targetBytes: 500 });
    const target = (bytes: number) => requestBytes({ path: `/${"a".repeat(bytes - 1)}` });
    expect(await outcomeOf(bed, target(499))).toEqual(accepted);
    expect(await outcomeOf(bed, target(500))).toEqual(accepted);
    expect(await outcomeOf(bed, target(501))).toEqual(refusedWith(414));
    expect(bed.limits).toEqual(["target_too_long"]);
  });

  test.each([
    ["a client that says nothing", ""],
    ["half a head", "GET / HTTP/1.1\r\nHo"],
  ])("must be there in time: %s", async (_, bytes) => {
    const bed = await startSmall({ headTimeoutMs: 50 });
    const client = await bed.connect();
    const answer = await client.send(bytes).response();
    expect([answer.status, codeOf(answer)]).toEqual([408, "request_too_slow"]);
    expect(bed.limits).toEqual(["request_too_slow"]);
  });

  test("that is nonsense is counted, though it has no line in the log", async () => {
    const bed = await startSmall({});
    expect(await outcomeOf(bed, "nonsense\r\n\r\n")).toEqual(refusedWith(400));
    expect(await outcomeOf(bed, "GET / HTTP/3.0\r\n\r\n")).toEqual(refusedWith(505));
    expect(await outcomeOf(bed, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")).toEqual(refusedWith(405));
    expect(bed.limits).toEqual(["malformed_request", "malformed_request", "malformed_request"]);
  });
});

describe("the body", () => {
  const body = (bytes: number) => chatBody({ padding: "a".repeat(bytes - chatBody({ padding: "" }).length) });

  test.each([false, true])("that is read may have so many bytes, and not one more; in chunks: %s", async (chunked) => {
    const bed = await startProxy({ frontend: { bufferBytes: 3000 } });
    const send = (bytes: number) => bed.send({ path: chatPath, body: body(bytes), chunked });
    expect((await send(2999)).status).toBe(200);
    expect((await send(3000)).status).toBe(200);
    expect(bed.limits).toEqual([]);
    const answer = await send(3001);
    expect([answer.status, codeOf(answer)]).toEqual([413, "request_too_large"]);
    expect(bed.limits).toEqual(["request_too_large"]);
    expect(bed.upstream.requests).toHaveLength(2);
  });

  test.each([false, true])("that is relayed may have so many, and not one more; in chunks: %s", async (chunked) => {
    const bed = await startHost({ bodyBytes: 3000, bufferBytes: 10 });
    const send = (bytes: number) => bed.send({ path: chatPath, body: body(bytes), chunked });
    expect((await send(2999)).status).toBe(200);
    expect((await send(3000)).status).toBe(200);
    const answer = await send(3001);
    expect([answer.status, codeOf(answer)]).toEqual([413, "request_too_large"]);
    expect(bed.limits).toEqual(["request_too_large"]);
    expect(bed.upstream.requests.filter(({ bodyComplete }) => bodyComplete)).toHaveLength(2);
  });

  test("that is relayed has no limit of its own", async () => {
    const bed = await startHost({ bufferBytes: 10 });
    expect((await bed.send({ path: chatPath, body: body(1_000_000) })).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });
});

describe("a body that is waited for", () => {
  const begin = requestBytes({ method: "POST", path: chatPath, headers: ["content-length", "100000"] });
  const beds = [
    ["read", () => startProxy({ frontend: { bodyTimeoutMs: 1500 } })],
    ["relayed", () => startHost({ bodyTimeoutMs: 1500 })],
  ] as const;

  /** A byte each 50 ms, until the connection ends. */
  function drip(client: RawClient): void {
    const timer = setInterval(() => client.send("a"), 50);
    void client.ended.then(() => clearInterval(timer));
    onTestFinished(() => clearInterval(timer));
  }

  test.each(beds)("must come on by more than a byte now and then: %s", async (_, start) => {
    const bed = await start();
    const client = await bed.connect();
    drip(client.send(begin));
    const answer = await client.response();
    expect([answer.status, codeOf(answer), answer.headers["connection"]]).toEqual([408, "request_too_slow", "close"]);
    expect(await bed.nextRecord()).toMatchObject({
      status: 408,
      errorCode: "request_too_slow",
      reason: "InvalidRequest",
    });
    expect(bed.limits).toEqual(["request_too_slow"]);
    for (const { bodyComplete } of bed.upstream.requests) expect(bodyComplete).toBe(false);
  });

  test.each(beds)("may take its time as long as it comes on: %s", async (_, start) => {
    const bed = await start();
    const client = await bed.connect();
    client.send(begin);
    const text = chatBody({ padding: "a".repeat(100_000 - chatBody({ padding: "" }).length) });
    for (let at = 0; at < text.length; at += 2500) {
      client.send(text.slice(at, at + 2500));
      await new Promise((resolve) => void setTimeout(resolve, 80));
    }
    expect((await client.response()).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });

  test("does not hold up other clients", async () => {
    const bed = await startProxy();
    const slow = await Promise.all(Array.from({ length: 20 }, () => bed.connect()));
    for (const client of slow) client.send(begin).send("{");
    expect((await bed.chat()).status).toBe(200);
  });

  test("is not missed while the provider does not take what has come", async () => {
    const length = 32 * 2 ** 20;
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      let bytes = 0;
      socket.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes > length) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
      socket.pause();
      setTimeout(() => socket.resume(), 4000);
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bed = await startProxy({
      routes: () => [route({ backends: [host({ host: address })] })],
      frontend: { bodyTimeoutMs: 1000 },
    });
    expect((await bed.send({ method: "PUT", body: Buffer.alloc(length) })).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });

  test("is not missed while the client waits for a 100", async () => {
    const bed = await startSmall({ bodyTimeoutMs: 1 }, { routes: () => [answering("served")] });
    const client = await bed.connect();
    client.send(requestBytes({ method: "POST", headers: ["expect", "100-continue", "content-length", "3"] }));
    expect((await client.response()).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });

  test("must be whole in time", async () => {
    const bed = await startProxy({ frontend: { receiveTimeoutMs: 200 } });
    const client = await bed.connect();
    drip(client.send(begin));
    expect((await client.response()).status).toBe(408);
    expect(await bed.nextRecord()).toMatchObject({ status: 408, errorCode: "request_too_slow" });
    expect(bed.limits).toEqual(["request_too_slow"]);
  });
});

describe("a client that does not read", () => {
  test("stops the provider, and is cut when its time is up", async () => {
    const bed = await startProxy({ simulator: { events: 1_000_000 }, frontend: { sendTimeoutMs: 1500 } });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await client.take("\n\n");
    client.socket.pause();
    await bed.upstream.waitForAbort();
    const record = await bed.nextRecord();
    expect(record).toMatchObject({
      status: 200,
      errorCode: "client_closed",
      error: expect.stringContaining("1500 ms"),
    });
    // What the system's buffers hold, and no more.
    expect(record.responseBytes).toBeLessThan(32 * 2 ** 20);
    expect(bed.limits).toEqual(["client_not_reading"]);
    await vi.waitFor(() => expect(bed.openConnections()).toBe(0));
  });

  test("but goes on in time has its whole answer", async () => {
    const bed = await startProxy({ simulator: { events: 100_000 }, frontend: { sendTimeoutMs: 1500 } });
    const socket = connect({ port: bed.port, host: "127.0.0.1" });
    const seen = { bytes: 0, end: "" };
    socket.on("data", (chunk: Buffer) => {
      seen.bytes += chunk.length;
      seen.end = chunk.subarray(-40).toString();
    });
    socket.write(requestBytes({ path: chatPath, body: chatBody({ stream: true }) }));
    for (let pauses = 0; pauses < 4; pauses++) {
      const next = seen.bytes + 2 ** 20;
      while (seen.bytes < next) await once(socket, "data");
      socket.pause();
      await new Promise((resolve) => void setTimeout(resolve, 600));
      socket.resume();
    }
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: undefined });
    await vi.waitFor(() => expect(seen.end).toMatch(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/));
    expect(bed.limits).toEqual([]);
    socket.destroy();
  });
});

describe("connections", () => {
  /** A new client that has had an answer; undefined: it was not let in. */
  async function served(port: number): Promise<RawClient | undefined> {
    try {
      const client = await RawClient.connect(port);
      onTestFinished(() => client.close());
      expect((await client.request({}).response()).status).toBe(200);
      return client;
    } catch {
      return undefined;
    }
  }

  test.each([
    ["connections", { connections: 3 }],
    ["connections_per_client", { connectionsPerClient: 3 }],
  ] as const)("beyond so many are closed: %s; one that closes makes room", async (limit, frontend) => {
    const bed = await startSmall(frontend);
    const clients = [await served(bed.port), await served(bed.port), await served(bed.port)];
    expect(clients).not.toContain(undefined);
    expect(await served(bed.port)).toBe(undefined);
    expect(bed.limits).toEqual([limit]);
    clients[0]?.close();
    await vi.waitFor(() => expect(bed.openConnections()).toBe(2));
    expect(await served(bed.port)).toBeDefined();
  });

  test("of another client count for that one", async () => {
    const bed = await startSmall({ connectionsPerClient: 1 });
    expect(await served(bed.port)).toBeDefined();
    const socket = connect({ port: bed.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
    onTestFinished(() => void socket.destroy());
    const [bytes] = await once(socket.end(requestBytes({})), "data");
    expect(String(bytes)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("of all ports count together", async () => {
    const bed = await startSmall({ connections: 1 });
    const second = await bed.proxy.listen({ name: "bind/0", port: 0, address: "127.0.0.1", listeners: [] });
    expect(await served(bed.port)).toBeDefined();
    expect(await served(second.port)).toBe(undefined);
    expect(bed.limits).toEqual(["connections"]);
  });

  test("that are idle are closed in time", async () => {
    const bed = await startSmall({ idleTimeoutMs: 50 });
    const client = await bed.connect();
    expect((await client.request({}).response()).status).toBe(200);
    expect(await client.ended).toBe("end");
    expect(bed.limits).toEqual(["connection_idle"]);
  });

  test("that are old end with their next answer", async () => {
    const bed = await startSmall({ connectionDurationMs: 1 });
    const client = await bed.connect();
    expect((await client.request({}).response()).headers["connection"]).not.toBe("close");
    await vi.waitFor(() => expect(bed.limits).toEqual(["connection_duration"]), 5000);
    expect((await client.request({}).response()).headers["connection"]).toBe("close");
    expect(await client.ended).toBe("end");
  });
});

describe("requests", () => {
  const overloaded = { status: 503, headers: { "retry-after": "1", "content-type": "application/json" } };

  interface Busy {
    readonly bed: TestBed;
    /** Its request is under way, and it is the one that there may be. */
    readonly busy: RawClient;
    /** Their connections began before that request, and after it. */
    readonly clients: readonly RawClient[];
  }

  async function startBusy(): Promise<Busy> {
    const routes: BedOptions["routes"] = (upstream) => [
      answering("served", { matches: [{ path: { exact: "/direct" }, headers: [], query: [] }] }),
      route({ backends: [ai({ hostOverride: upstream.host })] }),
    ];
    const bed = await startProxy({ routes, frontend: { requests: 1 } });
    const before = await bed.connect();
    expect((await before.request({ path: "/direct" }).response()).status).toBe(200);
    await bed.nextRecord();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const busy = await bed.connect();
    busy.request({ path: chatPath, body: chatBody({ stream: true }) });
    await busy.take("\n\n");
    return { bed, busy, clients: [before, await bed.connect()] };
  }

  test("beyond so many are told to come again, at once, and their connections stay", async () => {
    const { bed, busy, clients } = await startBusy();
    const requests = [
      {},
      { path: "/direct" },
      { path: chatPath, body: chatBody() },
      { path: "/../x" },
      { method: "TRACE" },
    ];
    for (const client of clients) {
      for (const request of requests) {
        const answer = await client.request(request).response();
        expect(answer).toMatchObject(overloaded);
        expect([codeOf(answer), answer.headers["connection"] === "close"]).toEqual(["overloaded", false]);
      }
    }
    expect(bed.limits).toEqual(Array.from({ length: 10 }, (): LimitName => "overloaded"));
    busy.close();
    expect(await bed.nextRecord()).toMatchObject({ errorCode: "client_closed" });
    for (const client of clients) {
      expect((await client.request({ path: "/direct" }).response()).status).toBe(200);
      // Those that were shed are not in the log.
      expect(await bed.nextRecord()).toMatchObject({ path: "/direct", status: 200 });
    }
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("beyond so many are told so once each, in whatever pieces they come", async () => {
    const { bed } = await startBusy();
    const requests = [{ path: "/direct" }, { path: chatPath, body: chatBody() }, { path: "/a", headers: ["a", "b"] }];
    const bytes = Buffer.concat(requests.map(requestBytes));
    const cuts = uniqueArray(integer({ min: 1, max: bytes.length - 1 }), { maxLength: 4 });
    await assert(
      asyncProperty(cuts, async (at) => {
        const client = await bed.connect();
        const edges = [0, ...at.toSorted((one, other) => one - other), bytes.length];
        for (const [index, end] of edges.slice(1).entries()) {
          client.send(bytes.subarray(edges[index], end));
          await new Promise((resolve) => void setTimeout(resolve, 2));
        }
        for (const _ of requests) expect(await client.response()).toMatchObject(overloaded);
        client.socket.end();
        await client.ended;
        expect(client.unread).toHaveLength(0);
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ["a space before a colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n", 400],
    ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400],
    ["no HTTP", "nonsense\r\n\r\n", 400],
  ])("beyond so many that are malformed end their connection: %s", async (_, bytes, status) => {
    const { bed, clients } = await startBusy();
    for (const client of clients) {
      const answer = await client.send(bytes).response();
      expect([answer.status, answer.headers["connection"]]).toEqual([status, "close"]);
    }
    expect(bed.limits).toEqual(["malformed_request", "malformed_request"]);
  });

  test("beyond so many keep no stop waiting", async () => {
    const { bed, busy, clients } = await startBusy();
    for (const client of clients) await client.request({}).response();
    const closed = bed.proxy.close(10_000);
    await Promise.all(clients.map(({ ended }) => ended));
    busy.close();
    await closed;
  });

  test("beyond so many with a body that is long, or of unknown length, end their connection", async () => {
    const { bed } = await startBusy();
    for (const options of [{ headers: ["content-length", "100000"] }, { headers: ["transfer-encoding", "chunked"] }]) {
      const client = await bed.connect();
      const answer = await client.send(requestBytes({ method: "POST", path: chatPath, ...options })).response();
      expect([answer.status, answer.headers["connection"]]).toEqual([503, "close"]);
      client.send(chunkOf("a".repeat(1000)));
      client.socket.end();
      expect(await client.ended).toBe("end");
    }
  });

  test("of HEAD beyond so many have no body", async () => {
    const { clients } = await startBusy();
    for (const client of clients) {
      expect(await client.request({ method: "HEAD" }).response({ head: true })).toMatchObject(overloaded);
      expect(await client.request({}).response()).toMatchObject(overloaded);
    }
  });
});

test("other limits count from the next connection or request on", async () => {
  const bed = await startSmall({ headBytes: 4096, targetBytes: 1000 });
  const long = requestBytes({ headers: ["x", "a".repeat(5000)] });
  const far = requestBytes({ path: `/${"a".repeat(1500)}` });
  const kept = await bed.connect();
  expect((await kept.request({}).response()).status).toBe(200);
  expect(await outcomeOf(bed, long)).toEqual(refusedWith(431));
  bed.limit({ headBytes: 8192, targetBytes: 2000 });
  expect(await outcomeOf(bed, long)).toEqual(accepted);
  expect((await kept.send(far).response()).status).toBe(200);
});

test("a body that the replay budget has no room for is counted", async () => {
  const bed = await startProxy({
    routes: (upstream) => [
      route({ backends: [ai({ hostOverride: upstream.host, includeUsage: false, routes: { "*": "passthrough" } })] }),
    ],
    replayBudgetBytes: 1000,
  });
  const send = (bytes: number) => {
    const empty = JSON.stringify({ model: "m", input: "" });
    return bed.send({ path: "/v1/embeddings", body: empty.replace('""', `"${"a".repeat(bytes - empty.length)}"`) });
  };
  expect((await send(1000)).status).toBe(200);
  expect(bed.limits).toEqual([]);
  expect((await send(1001)).status).toBe(200);
  expect(bed.limits).toEqual(["replay_budget"]);
});
