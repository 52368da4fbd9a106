import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { AiBackend } from "@keybearer/proxy";
import { describe, expect, test } from "vitest";
import { ai, host, route } from "./definitions.ts";
import { chunkOf } from "./raw-client.ts";
import { chatBody, chatPath, KEY, startProxy } from "./start-proxy.ts";

const MIB = 1024 * 1024;
const LIMIT = 32 * MIB;

function startWith(parts: Omit<Partial<AiBackend>, "hostOverride">) {
  return startProxy({ routes: (upstream) => [route({ backends: [ai({ hostOverride: upstream.host, ...parts })] })] });
}

describe("the configured model", () => {
  test("takes the place of the caller's, and no other byte changes", async () => {
    const bed = await startWith({ model: "gpt-mini", includeUsage: false });
    const body = (model: string) =>
      `\n{ "messages" : [{"role":"user","content":"caf\u00e9 \\u00e9 \ud83d\ude00"}],  "n":1.0 ,"model":${model}, "user": "\\/"}\n`;
    await bed.send({ path: chatPath, body: body('"gpt-\\u0034o"'), headers: ["content-type", "text/plain"] });
    expect(bed.upstream.requests[0]?.body.toString()).toBe(body('"gpt-mini"'));
    expect(await bed.nextRecord()).toMatchObject({
      llm: { operation: "chat", system: "openai", requestModel: "gpt-mini" },
    });
  });

  test("is added where there is none, and takes the place of each where there are two", async () => {
    const bed = await startWith({ model: "gpt-mini", includeUsage: false });
    await bed.send({ path: "/v1/embeddings", body: '{"input":"x"}' });
    await bed.send({ path: "/v1/embeddings", body: '{"mod\\u0065l":"a","input":"x","model":"b"}' });
    const [added, both] = bed.upstream.requests.map(({ body }) => body.toString());
    expect(JSON.parse(added ?? "")).toEqual({ model: "gpt-mini", input: "x" });
    expect(both).toBe('{"mod\\u0065l":"gpt-mini","input":"x","model":"gpt-mini"}');
  });

  test("takes the caller's place in a form, too", async () => {
    const bed = await startWith({ model: "whisper-2" });
    const part = (name: string, value: string, more = "") =>
      `--b\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
    const form = (model: string) =>
      `${part("model", model)}${part("file", "RIFF\u0000", '; filename="a.wav"')}--b--\r\n`;
    await bed.send({
      path: "/v1/audio/transcriptions",
      headers: ["content-type", "multipart/form-data; boundary=b"],
      body: form("whisper-1"),
    });
    expect(bed.upstream.requests[0]?.body.toString()).toBe(form("whisper-2"));
  });
});

describe("a body of which nothing must be read", () => {
  const body = Buffer.from('{"model": not json, \u0000\u00ff', "latin1");

  test.each([
    ["an ai backend", (upstream: string) => ai({ hostOverride: upstream })],
    ["a plain host backend", (upstream: string) => host({ host: upstream })],
  ])("is relayed as it is, in the framing that it came in, to %s", async (_, backend) => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [backend(upstream.host)] })] });
    const headers = [
      "content-encoding",
      "x-unknown",
      "content-type",
      "application/octet-stream",
      "authorization",
      "Bearer x",
    ];
    await bed.send({ path: "/v1/embeddings", body, headers });
    await bed.send({ path: "/v1/embeddings", body, headers, chunked: true });
    const [sized, chunked] = bed.upstream.requests;
    for (const request of [sized, chunked]) {
      expect(request?.body.equals(body)).toBe(true);
      expect(request?.headers).toMatchObject({
        "content-encoding": "x-unknown",
        "content-type": "application/octet-stream",
      });
    }
    expect(sized?.headers).toMatchObject({ "content-length": String(body.length) });
    expect(sized?.headers).not.toHaveProperty("transfer-encoding");
    expect(chunked?.headers).toMatchObject({ "transfer-encoding": "chunked" });
    expect(chunked?.headers).not.toHaveProperty("content-length");
    expect(await bed.nextRecord()).toMatchObject({ requestBytes: body.length });
  });

  test("of length 0 is none: a POST says so, a GET says nothing", async () => {
    const bed = await startProxy();
    await bed.send({ path: "/v1/embeddings", body: "" });
    await bed.send({ path: "/v1/models", headers: ["content-length", "0"] });
    const [post, get] = bed.upstream.requests;
    expect(post?.headers["content-length"]).toBe("0");
    expect(get?.headers).not.toHaveProperty("content-length");
    for (const request of [post, get]) expect(request?.headers).not.toHaveProperty("transfer-encoding");
  });

  test("may be sent a piece at a time, and each piece goes on before the next", async () => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [host({ host: upstream.host })] })] });
    bed.upstream.fault({ kind: "early-answer", status: 400 });
    const client = await bed.connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`).send(chunkOf("first"));
    expect(await client.response()).toMatchObject({ status: 400, complete: true });
  });
});

describe("a compressed body that must be read", () => {
  test.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["GZIP", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["identity", (text: string) => Buffer.from(text)],
  ])("goes on decoded: %s", async (encoding, compress) => {
    const bed = await startWith({ model: "gpt-mini" });
    const { status } = await bed.chat({}, { body: compress(chatBody()), headers: ["Content-Encoding", encoding] });
    expect(status).toBe(200);
    const [request] = bed.upstream.requests;
    expect(request?.headers["content-encoding"]).toBe(encoding === "identity" ? "identity" : undefined);
    expect(JSON.parse(request?.body.toString() ?? "")).toMatchObject({ model: "gpt-mini" });
    expect(request?.headers["content-length"]).toBe(String(request?.body.length));
  });

  test.each([
    [
      "an unknown encoding",
      ["content-encoding", "compress"],
      gzipSync(chatBody()),
      415,
      "unsupported_content_encoding",
    ],
    [
      "two encodings",
      ["content-encoding", "gzip, gzip"],
      gzipSync(gzipSync(chatBody())),
      415,
      "unsupported_content_encoding",
    ],
    [
      "two headers",
      ["content-encoding", "identity", "content-encoding", "gzip"],
      gzipSync(chatBody()),
      415,
      "unsupported_content_encoding",
    ],
    ["another encoding than it says", ["content-encoding", "br"], gzipSync(chatBody()), 400, "invalid_request"],
    ["a bomb", ["content-encoding", "gzip"], gzipSync(Buffer.alloc(LIMIT + 1)), 413, "request_too_large"],
  ])("is refused when it has %s", async (_, headers, body, expected, code) => {
    const bed = await startProxy();
    const answer = await bed.chat({}, { body, headers });
    expect([answer.status, JSON.parse(answer.body.toString()).error.code]).toEqual([expected, code]);
    expect(bed.upstream.connections.opened).toBe(0);
    expect(await bed.nextRecord()).toMatchObject({ reason: "InvalidRequest", errorCode: code });
  });
});

describe("a body that must be read and cannot be", () => {
  test.each([
    ["no JSON", "{", "application/json", "invalid_json"],
    ["JSON that is no object", "[]", "application/json", "invalid_json"],
    ["a form under the name of JSON", "model=gpt-4", "application/json", "invalid_json"],
    ["no form", "--a", "multipart/form-data; boundary=b", "invalid_multipart"],
  ])("is 400: %s", async (_, body, type, code) => {
    const bed = await startWith({ model: "gpt-mini" });
    const {
      status,
      headers,
      body: answer,
    } = await bed.send({ path: chatPath, body, headers: ["content-type", type, "x-request-id", "r-1"] });
    expect([status, headers["content-type"]]).toEqual([400, "application/json"]);
    const { error } = JSON.parse(answer.toString());
    expect(error).toEqual({
      message: expect.stringContaining("r-1"),
      type: "invalid_request_error",
      param: null,
      code,
    });
    expect(bed.upstream.connections.opened).toBe(0);
  });
});

describe("a body at the limit", () => {
  const exactly = (length: number) => {
    const [before = "", after = ""] = chatBody({ user: "#" }).split("#");
    return Buffer.from(before + "x".repeat(length - before.length - after.length) + after);
  };

  test("passes, and one byte more is 413: told by its length before it is sent, or counted as it comes", async () => {
    const bed = await startProxy();
    expect((await bed.chat({}, { body: exactly(LIMIT) })).status).toBe(200);
    const client = await bed.connect();
    client.send(`POST ${chatPath} HTTP/1.1\r\nHost: a\r\nContent-Length: ${LIMIT + 1}\r\n\r\n`);
    const { status, headers, body } = await client.response();
    expect([status, headers["connection"], JSON.parse(body.toString()).error.code]).toEqual([
      413,
      "close",
      "request_too_large",
    ]);
    expect((await bed.chat({}, { body: exactly(LIMIT), chunked: true })).status).toBe(200);
    const chunked = await bed.chat({}, { body: exactly(LIMIT + 1), chunked: true });
    expect([chunked.status, chunked.complete]).toEqual([413, true]);
    expect(bed.upstream.requests.map(({ key }) => key)).toEqual([KEY, KEY]);
  });

  test("that is still being sent does not cost the client its answer", async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    client.send(`POST ${chatPath} HTTP/1.1\r\nHost: a\r\nContent-Length: ${LIMIT + 8 * MIB}\r\n\r\n`);
    // More than the sockets between us hold: were the connection closed with this unread, it would be reset.
    for (let sent = 0; sent < 8; sent++) client.send(Buffer.alloc(MIB));
    expect(await client.response()).toMatchObject({ status: 413, complete: true });
    expect(await client.ended).toBe("end");
  });
});

test("a client that waits for leave to send its body gets it when the body is wanted, and not for one that is refused", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  const body = chatBody();
  const head = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  client.send(head(chatPath, body.length));
  expect((await client.response()).status).toBe(100);
  client.send(body);
  expect((await client.response()).status).toBe(200);
  client.send(head("/v1/embeddings", body.length));
  expect((await client.response()).status).toBe(100);
  client.send(body);
  expect((await client.response()).status).toBe(200);
  client.send(head(chatPath, LIMIT + 1));
  expect((await client.response()).status).toBe(413);
  for (const request of bed.upstream.requests) expect(request.headers).not.toHaveProperty("expect");
});
