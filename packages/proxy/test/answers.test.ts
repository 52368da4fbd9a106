import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { ai, host, match, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { headerLines } from "./raw-client.ts";
import { chatBody, chatPath, startProxy } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

const stream = { stream: true };
const withUsage = { ...stream, stream_options: { include_usage: true } };

describe("a streamed answer", () => {
  test("arrives event by event, before the provider has finished", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(stream), headers: ["x-simulate", "events=9"] });
    for (let event = 0; event < 3; event++) expect(await client.take("\n\n")).toContain("data: {");
    expect(bed.upstream.requests[0]?.answered).toBe(false);
    client.close();
    await bed.upstream.waitForAbort();
  });

  test("is the provider's, byte for byte, whatever pieces it comes in", async () => {
    const bed = await startProxy({ simulator: { now: () => 0 } });
    const answers = [];
    for (const every of [undefined, 1, 7]) {
      if (every !== undefined) bed.upstream.fault({ kind: "split", every });
      const { body, complete } = await bed.chat(withUsage, { headers: ["x-simulate", "events=20"] });
      expect(complete).toBe(true);
      answers.push(body.toString().replaceAll(/chatcmpl-\w+/g, "id"));
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^data: \{.*data: \[DONE\]\n\n$/s);
  });

  test("has usage in its record, which is asked for on behalf of a client that did not, and taken out again", async () => {
    const bed = await startProxy();
    const { body, headers } = await bed.chat(stream, { headers: ["x-simulate", "events=5, cached-tokens=3"] });
    expect(JSON.parse(bed.upstream.requests[0]?.body.toString() ?? "")).toMatchObject(withUsage);
    expect(body.toString()).not.toMatch(/"usage":\{/);
    expect(body.toString()).toMatch(/data: \[DONE\]\n\n$/);
    expect(headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(await bed.nextRecord()).toMatchObject({
      status: 200,
      protocol: "llm",
      responseBytes: body.length,
      llm: {
        operation: "chat",
        stream: true,
        requestModel: "gpt-4o-mini",
        responseModel: expect.stringContaining("gpt-4o-mini"),
        outputTokens: 5,
        cachedInputTokens: 3,
        inputTokens: expect.any(Number),
        timeToFirstByteMs: expect.any(Number),
      },
    });
  });

  test("keeps its usage for a client that asked, and is not asked for usage where that is turned off", async () => {
    const bed = await startProxy({
      routes: (upstream) => [
        route({
          backends: [ai({ hostOverride: upstream.host })],
          matches: [match({ headers: [{ name: "x-usage", value: { exact: "on" } }] })],
        }),
        route({ name: "off", backends: [ai({ hostOverride: upstream.host, includeUsage: false })] }),
      ],
    });
    expect((await bed.chat(withUsage, { headers: ["x-usage", "on"] })).body.toString()).toMatch(
      /"usage":\{.*\[DONE\]/s,
    );
    expect((await bed.nextRecord()).llm?.outputTokens).toBeGreaterThan(0);
    await bed.chat(stream);
    expect(bed.upstream.requests[1]?.body.toString()).toBe(chatBody(stream));
    expect((await bed.nextRecord()).llm).toMatchObject({ stream: true, outputTokens: undefined });
  });

  test("of another call is streamed in its record, too", async () => {
    const bed = await startProxy();
    await bed.send({ path: "/v1/responses", body: JSON.stringify({ model: "m", input: "x", stream: true }) });
    expect((await bed.nextRecord()).llm).toMatchObject({
      operation: "responses",
      stream: true,
      outputTokens: expect.any(Number),
    });
  });

  test("that comes compressed in spite of what was asked is relayed as it is", async () => {
    const bytes = gzipSync('data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n');
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" }).end(bytes);
    });
    const bed = await startProxy({ routes: () => [route({ backends: [ai({ hostOverride: upstream })] })] });
    const { body, headers, complete } = await bed.chat(stream);
    expect(headers["content-encoding"]).toBe("gzip");
    expect([body.equals(bytes), complete]).toEqual([true, true]);
  });

  test("that comes compressed and breaks off has no words of ours among its bytes", async () => {
    const bytes = gzipSync("data: {}\n\n").subarray(0, 12);
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
      response.write(bytes, () => response.destroy());
    });
    const bed = await startProxy({ routes: () => [route({ backends: [ai({ hostOverride: upstream })] })] });
    const { body, complete } = await bed.chat(stream);
    expect([body.equals(bytes), complete]).toEqual([true, false]);
  });
});

describe("what comes at once", () => {
  const sends = async (pieces: readonly Uint8Array[]) => {
    const begun = Promise.withResolvers<void>();
    const upstream = await startUpstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      void begun.promise.then(() => {
        for (const piece of pieces) response.write(piece);
        return response.end();
      });
    });
    const bed = await startProxy({ routes: () => [route({ backends: [ai({ hostOverride: upstream })] })] });
    return { ...bed, begin: begun.resolve };
  };

  test("goes on as one piece", async () => {
    const events = Array.from({ length: 20 }, (_, index) => Buffer.from(`data: {"choices":[${index}]}\n\n`));
    const bed = await sends(events);
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(withUsage) });
    await client.take("\r\n\r\n");
    bed.begin();
    expect(Number.parseInt((await client.take("\r\n")) ?? "", 16)).toBe(Buffer.concat(events).length);
    client.close();
  });

  test("goes on in order, whatever the sizes of its pieces", async () => {
    const sizes = [1, 16_383, 1, 2, 16_384, 3, 70_000, 8_000, 9_000, 5];
    const pieces = sizes.map((size, index) => Buffer.alloc(size, 97 + index));
    const bed = await sends(pieces);
    bed.begin();
    const { body, complete } = await bed.chat(withUsage);
    expect([body.equals(Buffer.concat(pieces)), complete]).toEqual([true, true]);
  });
});

test("a client that does not read stops the provider", async () => {
  const bed = await startProxy({ simulator: { events: 1_000_000 } });
  const client = await bed.connect();
  client.socket.pause();
  client.request({ path: chatPath, body: chatBody(stream) });
  const request = await bed.upstream.waitForRequest();
  // The sockets between us fill up, and then nothing moves any more.
  let sent = -1;
  await vi.waitFor(
    () => {
      const before = sent;
      sent = request.eventsSent;
      expect(sent).toBe(before);
      expect(sent).toBeGreaterThan(0);
    },
    { interval: 150, timeout: 15_000 },
  );
  expect(sent).toBeLessThan(200_000);
  client.socket.resume();
  await vi.waitFor(() => expect(request.eventsSent).toBeGreaterThan(sent), { timeout: 5000 });
  client.close();
  await bed.upstream.waitForAbort();
  expect(await bed.nextRecord()).toMatchObject({ reason: "ClientClosed", status: 200 });
});

test("a JSON answer keeps its length, and its usage is in the record", async () => {
  const bed = await startProxy();
  const { body, headers } = await bed.chat();
  expect(headers["content-length"]).toBe(String(body.length));
  const { usage } = JSON.parse(body.toString());
  expect(await bed.nextRecord()).toMatchObject({
    status: 200,
    reason: undefined,
    errorCode: undefined,
    endpoint: bed.upstream.host,
    backend: "backend",
    route: "route",
    bind: "bind/0",
    llm: { stream: false, inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens },
  });
});

test.each([
  [400, "callersFault"],
  [404, "callersFault"],
  [422, "callersFault"],
  [429, "limited"],
  [500, "overloaded"],
  [503, "overloaded"],
])("an error of the provider's own, %i, is relayed as it is, and its key is told: %s", async (status, told) => {
  const bed = await startProxy();
  bed.upstream.fault({ kind: "status", status, body: '{"error":{}}', retryAfterSeconds: 7 });
  const answer = await bed.chat(stream);
  expect(answer).toMatchObject({ status, headers: { "retry-after": "7" }, complete: true });
  expect(answer.body.toString()).toBe('{"error":{}}');
  expect(bed.outcomes[0]).toMatchObject({ kind: "refused", failure: { class: told } });
  expect(bed.upstream.requests).toHaveLength(1);
  expect(await bed.nextRecord()).toMatchObject({ status, reason: undefined });
});

describe("an answer without a body", () => {
  test.each<readonly [string, number, Record<string, string>]>([
    ["HEAD", 200, { "content-length": "12" }],
    ["GET", 204, {}],
    ["GET", 304, { etag: '"1"', "content-length": "12" }],
    ["GET", 200, { "content-length": "0" }],
  ])("to %s, %i, leaves the connection ready for the next", async (method, status, headers) => {
    const upstream = await startUpstream((response) => void response.writeHead(status, headers).end());
    const bed = await startProxy({ routes: () => [route({ backends: [host({ host: upstream })] })] });
    const client = await bed.connect();
    for (let turn = 0; turn < 2; turn++) {
      const answer = await client.request({ method }).response({ head: method === "HEAD" });
      expect(answer).toMatchObject({ status, headers });
      expect(answer.headers).not.toHaveProperty("transfer-encoding");
      expect(client.unread).toHaveLength(0);
    }
  });
});

describe("headers", () => {
  test("of one connection alone go no further, in either direction", async () => {
    const bed = await startProxy();
    bed.upstream.fault({
      kind: "headers",
      headers: {
        connection: "x-inner, keep-alive",
        "x-inner": "1",
        "keep-alive": "timeout=9",
        "proxy-authenticate": "Basic",
        "proxy-connection": "close",
        upgrade: "h2c",
        te: "trailers",
        "alt-svc": 'h3=":443"',
        "x-outer": "1",
      },
    });
    const sent = headerLines(`
      connection: x-inner, te
      x-inner: 1
      keep-alive: timeout=9
      te: trailers
      trailer: x-t
      proxy-connection: keep-alive
      upgrade: h2c
      accept-encoding: gzip, br
      x-outer: 1
    `);
    const { headers } = await bed.chat({}, { headers: sent });
    const inner = ["x-inner", "proxy-authenticate", "trailer", "upgrade", "proxy-connection", "te", "alt-svc"];
    for (const name of inner) expect(headers).not.toHaveProperty(name);
    expect(headers).toMatchObject({ connection: "keep-alive", "x-outer": "1" });
    const [request] = bed.upstream.requests;
    for (const name of inner) expect(request?.headers).not.toHaveProperty(name);
    expect(request?.headers).toMatchObject({ "x-outer": "1", "accept-encoding": "identity", host: bed.upstream.host });
  });

  test("that are repeated stay so, and bytes beyond ASCII stay what they are", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "headers", headers: { "x-many": ["one", "two"], "x-latin": "caf\u00e9" } });
    const { rawHeaders } = await bed.chat({}, { headers: ["X-Many", "one", "x-many", "two", "x-latin", "caf\u00e9"] });
    const pick = (raw: readonly string[]) =>
      raw.flatMap((name, index) => (/^x-(?:many|latin)$/i.test(name) && index % 2 === 0 ? [raw[index + 1]] : []));
    expect(pick(rawHeaders)).toEqual(["one", "two", "caf\u00e9"]);
    expect(pick(bed.upstream.requests[0]?.rawHeaders ?? [])).toEqual(["one", "two", "caf\u00e9"]);
  });
});

describe("the request id", () => {
  test("of the client is sent on, answered and recorded, not the provider's", async () => {
    const bed = await startProxy();
    const { headers } = await bed.chat({}, { headers: ["X-Request-Id", "mine-1"] });
    expect(headers["x-request-id"]).toBe("mine-1");
    expect(bed.upstream.requests[0]?.headers["x-request-id"]).toBe("mine-1");
    expect((await bed.nextRecord()).requestId).toBe("mine-1");
  });

  test.each([
    [[]],
    [["x-request-id", ""]],
    [["x-request-id", "a b"]],
    [["x-request-id", "x".repeat(129)]],
    [["x-request-id", "caf\u00e9"]],
  ])("is made where the client has none that can be used: %j", async (headers) => {
    const bed = await startProxy();
    const { headers: answered } = await bed.chat({}, { headers });
    expect(answered["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(bed.upstream.requests[0]?.headers["x-request-id"]).toBe(answered["x-request-id"]);
    expect((await bed.nextRecord()).requestId).toBe(answered["x-request-id"]);
  });
});

test("one connection serves one request after another, and so does the one upstream", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  for (let turn = 0; turn < 25; turn++) {
    client.request({ path: chatPath, body: chatBody(turn % 2 === 0 ? stream : {}) });
    expect((await client.response()).status).toBe(200);
  }
  expect(bed.upstream.connections.opened).toBe(1);
  expect(bed.openConnections()).toBe(1);
});

test("requests that come before the answer to the first are answered in turn", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  const path = "/v1/models";
  client.request({ path, headers: ["x-request-id", "1", "x-simulate", "latency-ms=20"] });
  client
    .request({ path, headers: ["x-request-id", "2"] })
    .request({ path: "/v1/none", headers: ["x-request-id", "3"] });
  const answers = [];
  for (let turn = 0; turn < 3; turn++) answers.push(await client.response());
  expect(answers.map(({ status, headers }) => [status, headers["x-request-id"]])).toEqual([
    [200, "1"],
    [200, "2"],
    [404, "3"],
  ]);
});

// Node reads whatever comes; our own engine stops reading.
test.skipIf(engineUnderTest === "wire")(
  "a client that sends more requests ahead than anybody does is cut, and with it the call that it waits for",
  async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-before-head" });
    const client = await bed.connect();
    for (let count = 0; count < 70; count++) client.request({ path: "/v1/models" });
    await client.ended;
    await bed.upstream.waitForAbort();
    expect(bed.upstream.requests).toHaveLength(1);
  },
);

test.runIf(engineUnderTest === "wire")(
  "as many requests as one likes may be sent ahead, each in its turn",
  async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    const ids = Array.from({ length: 300 }, (_, index) => String(index));
    for (const id of ids) client.request({ path: "/v1/models", headers: ["x-request-id", id] });
    const answered = [];
    for (const _ of ids) answered.push((await client.response()).headers["x-request-id"]);
    expect(answered).toEqual(ids);
  },
);

test("a client of HTTP/1.0 gets its answer, told whole by the end of the connection", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  const body = chatBody(stream);
  client.send(`POST ${chatPath} HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const answer = await client.response();
  expect(answer).toMatchObject({ status: 200, complete: true });
  expect(answer.headers).not.toHaveProperty("transfer-encoding");
  expect(answer.body.toString()).toMatch(/data: \[DONE\]\n\n$/);
});
