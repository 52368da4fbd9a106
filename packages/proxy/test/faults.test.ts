import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createParser } from "eventsource-parser";
import { connectionPools, type RoutePolicies } from "@keybearer/proxy";
import type { Fault } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { ai, host, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import type { RawResponse, SendOptions } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type TestBed } from "./start-proxy.ts";

const stream = { stream: true };
/** Longer than what is there without waiting, shorter than a test may take. */
const SOON_MS = 100;

function startWith(policies: Partial<RoutePolicies> = {}): Promise<TestBed> {
  return startProxy({
    routes: (upstream) => [route({ policies, backends: [ai({ hostOverride: upstream.host })] })],
    dispatcher: connectionPools({ engine: engineUnderTest, limits: { bodyTimeoutMs: SOON_MS } }),
  });
}

const requests: readonly (readonly [string, SendOptions])[] = [
  ["without a body", { path: "/v1/models" }],
  ["with a body that was read", { path: chatPath, body: chatBody() }],
  ["with a body relayed unread", { path: "/v1/embeddings", body: chatBody() }],
  ["with a body relayed in chunks", { path: "/v1/embeddings", body: chatBody(), chunked: true }],
];

function errorOf({ body }: RawResponse): Readonly<Record<string, unknown>> {
  return JSON.parse(body.toString()).error;
}

async function serves(bed: TestBed): Promise<void> {
  bed.upstream.clearFaults();
  expect((await bed.chat()).status).toBe(200);
  expect((await bed.chat(stream)).complete).toBe(true);
}

describe.each(requests)("a request %s", (_, request) => {
  test.each<readonly [string, Fault, number, string]>([
    ["resets before the head", { kind: "reset-before-head" }, 502, "upstream_closed"],
    ["ends its side before the head", { kind: "half-close" }, 502, "upstream_closed"],
    ["answers no HTTP", { kind: "garbage" }, 502, "upstream_invalid_response"],
    [
      "answers two lengths",
      { kind: "garbage", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
      502,
      "upstream_invalid_response",
    ],
    [
      "switches protocols unasked",
      { kind: "garbage", bytes: "HTTP/1.1 101 Sure\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" },
      502,
      "upstream_closed",
    ],
    ["answers a head without end", { kind: "huge-headers", bytes: 100_000 }, 502, "upstream_invalid_response"],
  ])("whose provider %s is an error in OpenAI's shape", async (_, fault, status, code) => {
    const bed = await startWith();
    bed.upstream.fault(fault);
    const answer = await bed.send({ ...request, headers: ["x-request-id", "r-1"] });
    expect(answer).toMatchObject({
      status,
      complete: true,
      headers: { "content-type": "application/json", "x-request-id": "r-1" },
    });
    expect(errorOf(answer)).toEqual({
      message: expect.stringContaining("(request id: r-1)"),
      type: "server_error",
      param: null,
      code,
    });
    expect(answer.body.toString()).not.toContain(bed.upstream.host);
    expect(bed.outcomes).toEqual([{ kind: "failed" }]);
    expect(await bed.nextRecord()).toMatchObject({
      status,
      reason: "UpstreamFailure",
      errorCode: code,
      endpoint: bed.upstream.host,
    });
    await serves(bed);
  });

  test("whose provider cannot be reached is 503", async () => {
    const bed = await startWith();
    bed.upstream.refuseConnections();
    const answer = await bed.send(request);
    expect([answer.status, errorOf(answer)["code"]]).toEqual([503, "upstream_unreachable"]);
    expect(await bed.nextRecord()).toMatchObject({ reason: "UpstreamFailure" });
    await bed.upstream.acceptConnections();
    await serves(bed);
  });

  test.each([
    [{ backendRequestTimeoutMs: SOON_MS }, "upstream_timeout"],
    [{ requestTimeoutMs: SOON_MS }, "request_timeout"],
    [{ requestTimeoutMs: SOON_MS, backendRequestTimeoutMs: 60_000 }, "request_timeout"],
    [{ requestTimeoutMs: 60_000, backendRequestTimeoutMs: SOON_MS }, "upstream_timeout"],
  ])("whose provider stalls is 504 when %j has passed, and the call is given up", async (timeout, code) => {
    const bed = await startWith({ timeout });
    bed.upstream.fault({ kind: "stall-before-head" });
    const answer = await bed.send(request);
    expect([answer.status, errorOf(answer)["code"]]).toEqual([504, code]);
    await bed.upstream.waitForAbort();
    expect(await bed.nextRecord()).toMatchObject({ reason: "Timeout", errorCode: code });
    await serves(bed);
  });
});

describe("an answer that breaks off", () => {
  type Broken = readonly [string, Fault, string];
  const cut: readonly Broken[] = [
    ["is reset", { kind: "reset-after-events", afterEvents: 2 }, "upstream_broken"],
    ["is truncated", { kind: "truncate", afterEvents: 2 }, "upstream_broken"],
    ["is ended by half", { kind: "half-close", afterEvents: 2 }, "upstream_broken"],
  ];
  /** Together, because undici notices silence within a second only. */
  const silent: readonly Broken[] = [
    ["is shorter than it said", { kind: "wrong-length", by: 10_000 }, "upstream_timeout"],
    ["falls silent", { kind: "stall-after-events", afterEvents: 2 }, "upstream_timeout"],
  ];
  const silentAfter = (afterBytes: number): Broken => [
    "falls silent in mid-event",
    { kind: "stall-after-bytes", afterBytes },
    "upstream_timeout",
  ];

  const jsonIsCut = async ([, fault, code]: Broken) => {
    const bed = await startWith();
    bed.upstream.fault(fault);
    const client = await bed.connect();
    const { status, complete } = await client.request({ path: chatPath, body: chatBody() }).response();
    expect({ status, complete }).toEqual({ status: 200, complete: false });
    await client.ended;
    expect(client.unread).toHaveLength(0);
    expect(bed.outcomes).toEqual([{ kind: "answered", status: 200 }]);
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: code });
    await serves(bed);
  };

  const streamEndsWithError = async ([, fault, code]: Broken, includeUsage: boolean) => {
    const bed = await startWith();
    bed.upstream.fault(fault);
    const answer = await bed.chat({ ...stream, ...(includeUsage ? { stream_options: { include_usage: true } } : {}) });
    expect(answer).toMatchObject({ status: 200, complete: false, headers: { "transfer-encoding": "chunked" } });
    const events: string[] = [];
    createParser({ onEvent: ({ data }) => void events.push(data) }).feed(answer.body.toString());
    expect(JSON.parse(events.at(-1) ?? "")).toEqual({
      error: { message: expect.stringContaining("request id"), type: "server_error", param: null, code },
    });
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: code });
    await serves(bed);
  };

  const isAnswered = async (fault: Fault, status: number, code: string, more = {}) => {
    const bed = await startWith();
    bed.upstream.fault(fault);
    const answer = await bed.chat(more);
    expect(answer).toMatchObject({ status, complete: true });
    expect(errorOf(answer)["code"]).toBe(code);
    expect(bed.outcomes).toEqual([more === stream ? { kind: "failed" } : { kind: "answered", status: 200 }]);
    expect(await bed.nextRecord()).toMatchObject({ status, errorCode: code });
    await serves(bed);
  };

  test.each(cut)("and is JSON is cut, so that no client takes it for whole: it %s", (...broken) => jsonIsCut(broken));

  test.each(cut)("and is a stream ends with an error event and without the final chunk: it %s", async (...broken) => {
    await streamEndsWithError(broken, true);
    await streamEndsWithError(broken, false);
  });

  test.each(cut)("and is a stream of the Responses API ends with its event: it %s", async (_, fault, code) => {
    const bed = await startWith();
    bed.upstream.fault({ ...fault, afterEvents: 6 } as Fault);
    const body = JSON.stringify({ ...stream, model: "gpt-4o-mini", input: "hello" });
    const answer = await bed.send({ path: "/v1/responses", body });
    expect(answer).toMatchObject({ status: 200, complete: false });
    const events: [string | undefined, string][] = [];
    createParser({ onEvent: ({ event, data }) => void events.push([event, data]) }).feed(answer.body.toString());
    const [name, data] = events.at(-1) ?? [];
    expect(name).toBe("error");
    expect(JSON.parse(data ?? "")).toMatchObject({
      type: "error",
      code,
      message: expect.stringContaining("request id"),
      error: { code },
    });
    expect(answer.body.toString()).not.toContain("response.completed");
    await serves(bed);
  });

  test("and only has a head is an error, if it is JSON", () =>
    isAnswered({ kind: "reset-after-head" }, 502, "upstream_closed"));

  test("by falling silent fares alike", async () => {
    await Promise.all([
      ...[...silent, silentAfter(300)].map(jsonIsCut),
      ...[...silent, silentAfter(700)].flatMap((broken) => [
        streamEndsWithError(broken, true),
        streamEndsWithError(broken, false),
      ]),
      isAnswered({ kind: "stall-after-events", afterEvents: 0 }, 504, "upstream_timeout"),
      isAnswered({ kind: "stall-after-events", afterEvents: 1 }, 504, "upstream_timeout", stream),
      isAnswered({ kind: "stall-after-bytes", afterBytes: 300 }, 504, "upstream_timeout", stream),
    ]);
  });

  test.each<Fault>([
    { kind: "reset-after-head" },
    { kind: "reset-after-events", afterEvents: 1 },
    { kind: "truncate", afterEvents: 1 },
    { kind: "half-close", afterEvents: 1 },
  ])("and is a stream of which nothing but its opening has come is an error, and no key's fault: %j", (fault) =>
    isAnswered(fault, 502, "upstream_closed", stream),
  );

  test("and is a stream has sent its head, so that the client knows that it has begun", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 0 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(stream) });
    expect(await client.take("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
  });

  test("to a client of HTTP/1.0 ends with a reset, for an end would be the regular one", async () => {
    const bed = await startWith();
    bed.upstream.fault({ kind: "reset-after-events", afterEvents: 2 });
    const client = await bed.connect();
    const body = chatBody(stream);
    client.send(`POST ${chatPath} HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    expect(await client.response()).toMatchObject({ status: 200, complete: false });
    expect(await client.ended).toBe("reset");
  });

  test("from a plain backend is cut, without words of ours", async () => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [host({ host: upstream.host })] })] });
    bed.upstream.fault({ kind: "reset-after-events", afterEvents: 2 });
    const { complete, body } = await bed.chat(stream, { headers: ["authorization", "Bearer x"] });
    expect(complete).toBe(false);
    expect(body.toString()).not.toContain("error");
  });
});

describe("an answer that comes before the body was read", () => {
  const MIB = 1024 * 1024;

  test.each([false, true])("is relayed, and the client may end its upload in peace (chunked: %s)", async (chunked) => {
    const bed = await startWith();
    bed.upstream.fault({ kind: "early-answer", status: 413 });
    const client = await bed.connect();
    client.request({ path: "/v1/embeddings", body: Buffer.alloc(24 * MIB), chunked });
    expect(await client.response()).toMatchObject({ status: 413, complete: true });
    client.request({ path: chatPath, body: chatBody() });
    expect((await client.response()).status).toBe(200);
  });

  test.each([
    ["no connection", 503],
    ["a key that is refused", 502],
  ])("and is an error of ours reaches a client that is still sending: %s", async (_, status) => {
    const bed = await startWith();
    if (status === 503) bed.upstream.refuseConnections();
    else bed.upstream.fault({ kind: "early-answer", status: 401 });
    const client = await bed.connect();
    client.request({ path: "/v1/embeddings", body: Buffer.alloc(24 * MIB) });
    expect(await client.response()).toMatchObject({ status, complete: true, headers: { connection: "close" } });
    expect(await client.ended).toBe("end");
  });
});

test("an error event of the provider's own is relayed, and the stream ends as the provider ended it", async () => {
  const bed = await startWith();
  bed.upstream.fault({ kind: "error-event", afterEvents: 2 });
  const { body, complete } = await bed.chat(stream);
  expect(complete).toBe(true);
  expect(body.toString()).toMatch(/data: \{"error":.*\n\n$/);
  expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: undefined });
});

test.each<Fault>([
  { kind: "flood-1xx", count: 100 },
  { kind: "slow-drip", bytes: 64 },
  { kind: "wrong-length", by: -3 },
])("awkward, but no fault: %j", async (fault) => {
  const bed = await startWith();
  bed.upstream.fault(fault);
  expect(await bed.chat()).toMatchObject({ status: 200, complete: true });
  await serves(bed);
  expect((await bed.chat()).body.toString()).toMatch(/^\{.*\}$/s);
});

test("a request that a kept connection has failed goes out on a new one, and not on another that was kept", async () => {
  const held: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      held.push(socket);
      // Two at once, so that there are two connections.
      if (held.length === 1) return;
      for (const each of held) each.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      socket.on("data", () => socket.destroy());
      held[0]?.on("data", () => held[0]?.destroy());
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const bed = await startProxy({ routes: () => [route({ backends: [host({ host: `127.0.0.1:${port}` })] })] });
  const statuses = await Promise.all([bed.send({}), bed.send({})]);
  expect(statuses.map(({ status }) => status)).toEqual([200, 200]);
  expect(await bed.send({})).toMatchObject({ status: 200, complete: true });
});
