import type { ServerResponse } from "node:http";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ai, credential, host, route } from "./definitions.ts";
import { chatBody, chatPath, KEY, startProxy, type BedOptions } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

/** A provider that answers each request so. */
async function startBefore(answer: (response: ServerResponse) => void, options: BedOptions = {}) {
  const upstream = await startUpstream(answer);
  return startProxy({ routes: () => [route({ backends: [ai({ hostOverride: upstream })] })], ...options });
}

const told = JSON.stringify({ error: { message: `too much asked of ${KEY}`, code: "x" } });
const scrubbed = told.replace(KEY, "[redacted]");

describe("an error's body", () => {
  test.each([
    ["gzip", gzipSync(told)],
    ["br", brotliCompressSync(told)],
    ["zstd", zstdCompressSync(told)],
    ["GZIP", gzipSync(told)],
    ["", Buffer.from(told)],
  ])("that is encoded in spite of what was asked for is decoded, for its sake: %s", async (encoding, bytes) => {
    const bed = await startBefore((response) => {
      response.writeHead(400, { "content-encoding": encoding, "content-type": "application/json" }).end(bytes);
    });
    const answer = await bed.chat();
    expect([answer.status, answer.body.toString()]).toEqual([400, scrubbed]);
    expect(answer.headers).not.toHaveProperty("content-encoding");
    expect(answer.headers["content-length"]).toBe(String(scrubbed.length));
  });

  test("keeps every other byte, whatever text it is", async () => {
    const latin = Buffer.concat([
      Buffer.from(`${KEY} is not `),
      Buffer.from([0xe9, 0xff, 0x80]),
      Buffer.from(" enough"),
    ]);
    const bed = await startBefore((response) => {
      response.writeHead(422, { "content-type": "text/plain; charset=iso-8859-1", "x-y": `a ${KEY}` }).end(latin);
    });
    const { body, headers } = await bed.chat();
    expect(body.toString("latin1")).toBe("[redacted] is not \u00e9\u00ff\u0080 enough");
    expect(headers).toMatchObject({ "content-type": "text/plain; charset=iso-8859-1", "x-y": "a [redacted]" });
  });

  test("may be 256 KiB long", async () => {
    const long = `${KEY}${"x".repeat(256 * 1024 - KEY.length)}`;
    const bed = await startBefore((response) => void response.writeHead(400).end(long));
    expect((await bed.chat()).body.length).toBe(long.length - KEY.length + "[redacted]".length);
  });

  const endless = (response: ServerResponse) => {
    const more = () => void (response.destroyed || response.write("x".repeat(65_536), more));
    more();
  };
  test.each<readonly [string, (response: ServerResponse) => void]>([
    ["is longer", (response) => void response.writeHead(429).end("x".repeat(256 * 1024 + 1))],
    ["has no end", (response) => endless(response.writeHead(429))],
    ["is slow", (response) => void response.writeHead(429).write("{")],
    ["never begins", (response) => response.writeHead(429).flushHeaders()],
    [
      "breaks off",
      (response) =>
        void response.writeHead(429, { "content-length": "100" }).write(told.slice(0, 40), () => response.destroy()),
    ],
    [
      "is not what its encoding says",
      (response) => void response.writeHead(429, { "content-encoding": "gzip" }).end("x"),
    ],
    [
      "has an encoding of its own",
      (response) => void response.writeHead(429, { "content-encoding": "rot13" }).end("x"),
    ],
    [
      "is a bomb",
      (response) =>
        void response.writeHead(429, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(8 * 1024 * 1024))),
    ],
  ])("that %s keeps its status, and its words are the gateway's", async (_, answer) => {
    const bed = await startBefore(answer, { healingTimeouts: { errorBodyMs: 100 } });
    const { status, body, headers, complete } = await bed.chat({}, { headers: ["x-request-id", "r-1"] });
    expect({ status, complete, type: headers["content-type"] }).toEqual({
      status: 429,
      complete: true,
      type: "application/json",
    });
    expect(JSON.parse(body.toString()).error).toMatchObject({
      code: "upstream_error",
      message: expect.stringContaining("request id: r-1"),
    });
    expect(bed.outcomes[0]).toMatchObject({ kind: "refused", failure: { class: "limited" } });
    await bed.nextRecord();
  });

  test("that is being read when the client leaves leaves with it", async () => {
    const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const bed = await startBefore((response) => {
      response
        .on("close", closed.resolve)
        .writeHead(400)
        .write("{", () => asked.resolve());
    });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await asked.promise;
    client.close();
    await closed.promise;
    expect(await bed.nextRecord()).toMatchObject({ status: 499 });
    expect(bed.outcomes).toMatchObject([{ kind: "abandoned" }]);
  });

  test("is none in the answer to HEAD, whose length is not told", async () => {
    const upstream = await startUpstream((response) => void response.writeHead(404, { "content-length": "120" }).end());
    const bed = await startProxy({
      routes: () => [route({ backends: [host({ host: upstream, credential: credential("key") })] })],
    });
    const client = await bed.connect();
    client.request({ method: "HEAD", path: "/" }).request({ path: "/" });
    const { status, headers } = await client.response({ head: true });
    expect(status).toBe(404);
    expect(headers).not.toHaveProperty("content-length");
  });

  test("from a plain backend that has a key is scrubbed as well, and from one that has none it is not", async () => {
    const upstream = await startUpstream((response) => void response.writeHead(400).end(told));
    for (const [own, expected] of [
      [credential("key"), scrubbed],
      [undefined, told],
    ] as const) {
      const bed = await startProxy({
        routes: () => [route({ backends: [host({ host: upstream, credential: own })] })],
      });
      expect((await bed.send({ path: "/" })).body.toString()).toBe(expected);
    }
  });

  test("tells nothing of a key that stands beside the caller's own token, whose refusal is the caller's to know", async () => {
    const upstream = await startUpstream((response) => void response.writeHead(401).end(`caller-s-token ${told}`));
    const entries = [{ id: "caller" }, { id: "key", location: { header: { name: "x-extra" } } }];
    const bed = await startProxy({
      routes: () => [route({ backends: [ai({ hostOverride: upstream, credential: { entries } })] })],
    });
    const answer = await bed.chat({}, { headers: ["authorization", "Bearer caller-s-token"] });
    expect([answer.status, answer.body.toString()]).toEqual([401, `caller-s-token ${scrubbed}`]);
  });
});
