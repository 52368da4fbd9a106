import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ai, route } from "./definitions.ts";
import { codeOf, startHost, startSmall } from "./limited.ts";
import { RawClient, requestBytes } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type TestBed } from "./start-proxy.ts";

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

  test("must be there in time, of a client that says nothing and of one that sends half of it", async () => {
    const bed = await startSmall({ headTimeoutMs: 50 });
    const clients = [await bed.connect(), (await bed.connect()).send("GET / HTTP/1.1\r\nHo")];
    const answers = await Promise.all(clients.map((client) => client.response()));
    for (const answer of answers) expect([answer.status, codeOf(answer)]).toEqual([408, "request_too_slow"]);
    expect(bed.limits).toEqual(["request_too_slow", "request_too_slow"]);
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

describe("connections", () => {
  /** A new client that has had an answer; undefined: it was not let in. */
  async function served(port: number): Promise<RawClient | undefined> {
    // Reset, before it has asked or while it does.
    const client = await RawClient.connect(port).catch(() => undefined);
    const answer = await client
      ?.request({})
      .response()
      .catch(() => undefined);
    if (!client || !answer) return undefined;
    onTestFinished(() => client.close());
    expect(answer.status).toBe(200);
    return client;
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

describe("bodies that are read whole", () => {
  const large = chatBody({ padding: "a".repeat(150_000) });

  test.each([
    ["of known length", { body: large }],
    ["in chunks", { body: large, chunked: true }],
    ["compressed", { body: gzipSync(large), headers: ["content-encoding", "gzip"] }],
  ])("are refused where there is no memory for more of them, until one has ended: %s", async (_, request) => {
    const bed = await startProxy({ bodyBudgetBytes: 150_000 });
    bed.upstream.fault({ kind: "stall-before-head" });
    const [first, second] = [await bed.connect(), await bed.connect()];
    const ask = (client: RawClient) => client.send(requestBytes({ path: chatPath, ...request }));
    ask(first);
    await bed.upstream.waitForRequest();
    const refused = await ask(second).response();
    expect([refused.status, codeOf(refused), refused.headers["retry-after"]]).toEqual([503, "overloaded", "1"]);
    expect(bed.limits).toEqual(["body_budget"]);
    expect((await bed.chat()).status).toBe(200);
    first.close();
    await bed.upstream.waitForAbort();
    const third = await bed.connect();
    await vi.waitFor(async () => expect((await ask(third).response()).status).toBe(200));
  });

  test("count no more once the client has an answer, however long that takes", async () => {
    const bed = await startProxy({ bodyBudgetBytes: 150_000 });
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const [first, second] = [await bed.connect(), await bed.connect()];
    first.request({ path: chatPath, body: chatBody({ stream: true, padding: "a".repeat(150_000) }) });
    await first.take("data: ");
    second.request({ path: chatPath, body: large });
    expect((await second.response()).status).toBe(200);
    first.close();
  });
});
