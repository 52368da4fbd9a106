import { describe, expect, test } from "vitest";
import { ai, host, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { chatBody, chatPath, startProxy } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

const get = (target: string, ...headers: string[]) =>
  `GET ${target} HTTP/1.1\r\n${["Host: a", ...headers].join("\r\n")}\r\n\r\n`;
const post = (...headers: string[]) =>
  `POST /v1/embeddings HTTP/1.1\r\n${["Host: a", ...headers].join("\r\n")}\r\n\r\n`;

const malformed: readonly (readonly [string, string])[] = [
  ["no HTTP at all", "\u0016\u0003\u0001 hello\r\n\r\n"],
  ["a method that is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a space before the colon", get("/", "x-a : 1")],
  ["a folded header", get("/", "x-a: 1\r\n folded")],
  ["a header without a colon", get("/", "x-a")],
  ["a header name with a space", get("/", "x a: 1")],
  ["a NUL in a header", get("/", "x-a: 1\u00002")],
  ["a bare CR in a header", get("/", "x-a: 1\r2")],
  ["two Hosts", get("/", "Host: b")],
  ["two equal Hosts", get("/", "host: a")],
  ["no Host", "GET / HTTP/1.1\r\nx-a: 1\r\n\r\n"],
  ["a Host that is none", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["two Hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"],
  ["a target that is no path", get("v1/models")],
  ["a target that is an asterisk", get("*")],
  ["a target of another scheme", get("ftp://a/v1/models")],
  ["a target with a user", get("http://u@a/v1/models")],
  ["a length and chunks", post("Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\n"],
  ["two lengths that differ", post("Content-Length: 3", "Content-Length: 4") + "abcd"],
  ["a list of lengths", post("Content-Length: 3, 3") + "abc"],
  ["a negative length", post("Content-Length: -3")],
  ["a length with a sign", post("Content-Length: +3") + "abc"],
  ["a length that is no number", post("Content-Length: 0x3") + "abc"],
  ["another transfer coding", post("Transfer-Encoding: gzip")],
  ["a transfer coding before chunked", post("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"],
  ["chunked twice", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n"],
  ["chunked and then another", post("Transfer-Encoding: chunked, identity") + "0\r\n\r\n"],
  ["a transfer coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a chunk size that is none", post("Transfer-Encoding: chunked") + "x\r\n"],
  ["a chunk that is longer than it says", post("Transfer-Encoding: chunked") + "1\r\nab\r\n0\r\n\r\n"],
];

describe("a request with", () => {
  test.each(malformed)("%s is 400 with a JSON body, and its connection is closed", async (_, bytes) => {
    for (const backend of [ai, (parts: { hostOverride: string }) => host({ host: parts.hostOverride })]) {
      const bed = await startProxy({
        routes: (upstream) => [route({ backends: [backend({ hostOverride: upstream.host })] })],
      });
      const client = await bed.connect();
      const answer = await client.send(bytes).response();
      expect(answer).toMatchObject({
        status: 400,
        complete: true,
        headers: { "content-type": "application/json", connection: "close" },
      });
      expect(JSON.parse(answer.body.toString()).error).toMatchObject({
        type: "invalid_request_error",
        param: null,
        code: "invalid_request",
      });
      client.socket.end();
      await client.ended;
      expect(client.unread).toHaveLength(0);
      for (const request of bed.upstream.requests) expect(request.bodyComplete).toBe(false);
    }
  });

  test.each([
    "/v1/../v1/models",
    "/v1/./models",
    "/..",
    "/.",
    "/v1/%2e%2e/x",
    "/v1/.%2E",
    "/v1/..%2fmodels",
    "/v1/x%5c..%5cy",
    "/v1/..;/models",
    "/v1/%2e%2e%3b/x",
    "/v1\\..\\x",
    "/v1/models#x",
    "http://a/v1/../x",
  ])("the target %s is 400", async (target) => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [host({ host: upstream.host })] })] });
    const client = await bed.connect();
    const answer = await client.send(get(target)).response();
    expect([answer.status, JSON.parse(answer.body.toString()).error.type]).toEqual([400, "invalid_request_error"]);
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test.each(["/v1/...", "/v1/.well-known/x", "/v1/a..b", "/v1/..a", "/a%20b", "/?x=../..", "/v1/%2e%2e%2e"])(
    "the target %s is none of that, and goes on as it is",
    async (target) => {
      const bed = await startProxy({ routes: (upstream) => [route({ backends: [host({ host: upstream.host })] })] });
      const client = await bed.connect();
      client.send(get(target));
      await client.response();
      const [request] = bed.upstream.requests;
      expect(request?.path + (request?.query ? `?${request.query}` : "")).toBe(target);
    },
  );

  test.each([
    ["too many bytes", [`x-a: ${"a".repeat(70_000)}`]],
    ["too many headers", Array.from({ length: 1100 }, (_, index) => `x-${index}: 1`)],
  ])("%s in its head is 431 and closes", async (_, headers) => {
    const bed = await startProxy();
    const client = await bed.connect();
    const answer = await client.send(get("/v1/models", ...headers)).response();
    expect([answer.status, answer.headers["connection"]]).toEqual([431, "close"]);
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test("CONNECT is 405 and closes; a client that resets it meanwhile harms nobody", async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    const answer = await client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").response();
    expect([answer.status, answer.headers["connection"]]).toEqual([405, "close"]);
    for (let turn = 0; turn < 20; turn++) {
      const other = await bed.connect();
      other.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
      other.socket.resetAndDestroy();
    }
    expect((await bed.chat()).status).toBe(200);
  });

  test("an upgrade that nobody offers is served as if it had not been asked for", async () => {
    const bed = await startProxy();
    const { status } = await bed.send({ path: "/v1/models", headers: ["connection", "upgrade", "upgrade", "h2c"] });
    expect(status).toBe(200);
    expect(bed.upstream.requests[0]?.headers).not.toHaveProperty("upgrade");
  });
});

test("what comes after a refused request on the same connection is not served", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  client.send(get("/", "Host: b") + get("/v1/models"));
  expect((await client.response()).status).toBe(400);
  expect(await client.take("HTTP/1.1")).toBeUndefined();
  expect(bed.upstream.connections.opened).toBe(0);
});

test("nonsense in a body whose answer has begun breaks that answer, and is not answered into it", async () => {
  const upstream = await startUpstream((response) => void response.writeHead(200).write("begun"), { readsBody: false });
  const bed = await startProxy({ routes: () => [route({ backends: [host({ host: upstream })] })] });
  const client = await bed.connect();
  client.send(`${post("Transfer-Encoding: chunked")}1\r\na\r\n`);
  await client.take("begun\r\n");
  client.send("no chunk at all\r\n");
  await client.ended;
  expect(client.unread).toHaveLength(0);
  expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: "client_closed" });
});

test("nonsense behind a request waits for that request's answer, even while it streams", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  client.request({
    path: chatPath,
    body: chatBody({ stream: true }),
    headers: ["x-simulate", "events=50, delay-ms=1"],
  });
  await client.take("\r\n\r\n");
  client.send("no HTTP at all\r\n\r\n");
  expect(await client.take("data: [DONE]\n\n\r\n0\r\n\r\n")).toBeDefined();
  expect(await client.response()).toMatchObject({ status: 400, complete: true });
  expect(await client.ended).toBe("end");
  expect((await bed.nextRecord()).errorCode).toBeUndefined();
});

// Node gives up the socket of a CONNECT that it has read.
test.skipIf(engineUnderTest === "wire")(
  "CONNECT behind a request whose answer has begun breaks that answer, and is not answered into it",
  async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 2 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await client.take("\n\n");
    client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    await client.ended;
    expect(client.unread.toString()).not.toContain("HTTP/1.1");
    await bed.upstream.waitForAbort();
  },
);

test.runIf(engineUnderTest === "wire")("CONNECT behind a request waits for that request's answer", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  client.request({
    path: chatPath,
    body: chatBody({ stream: true }),
    headers: ["x-simulate", "events=50, delay-ms=1"],
  });
  await client.take("\r\n\r\n");
  client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
  expect(await client.take("data: [DONE]\n\n\r\n0\r\n\r\n")).toBeDefined();
  expect(await client.response()).toMatchObject({ status: 405, complete: true });
  expect(await client.ended).toBe("end");
});

test.each<readonly [string, number, string]>([
  ["TRACE /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_supported"],
  ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_supported"],
  ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_not_supported"],
  ["GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "version_not_supported"],
  [get("/", "Connection: upgrade", "Upgrade: websocket"), 501, "upgrade_not_supported"],
  [`${post("Expect: x", "Content-Length: 1")}a`, 417, "expectation_failed"],
  [get(`/${"a".repeat(20_000)}`), 414, "target_too_long"],
  [get("/", `X-A: ${"a".repeat(70_000)}`), 431, "head_too_large"],
  [get("/", "X-A : 1"), 400, "invalid_request"],
  [get("/a#b"), 400, "invalid_path"],
])("what is wrong has a code of its own: %j", async (bytes, status, code) => {
  const bed = await startProxy();
  const client = await bed.connect();
  const answer = await client.send(bytes).response();
  const { error } = JSON.parse(answer.body.toString());
  expect([answer.status, error.code, error.type]).toEqual([
    status,
    code,
    status >= 500 ? "server_error" : "invalid_request_error",
  ]);
});

test("what the road refuses is in the log, with its code", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  client.send(`${post("Expect: x", "Content-Length: 1")}a`);
  await client.response();
  expect(await bed.nextRecord()).toMatchObject({
    status: 417,
    errorCode: "expectation_failed",
    reason: "InvalidRequest",
    method: "POST",
  });
});
