import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { array, assert, asyncProperty, boolean, integer, record } from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { ai, credential, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import { chunkOf, requestBytes, type RawClient } from "./raw-client.ts";
import { startProxy } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

const NEW = "sk-the-newest-of-them";
const OLD = "sk-the-oldest-of-them";
const path = "/v1/files";

interface Upstream {
  /** How much of a body a refused key may send before it is told. */
  refuseAfter: number;
  /** Whole bodies that came with a good key: their length and hash. */
  readonly whole: string[];
}

/** Refuses old keys in the middle of a body, and answers good ones when all of it is there. */
function answering(upstream: Upstream) {
  return (response: ServerResponse, _url: string, request: IncomingMessage) => {
    const isGood = request.headers.authorization === `Bearer ${NEW}`;
    const hash = createHash("sha256");
    let length = 0;
    const refuse = () => {
      if (response.headersSent) return;
      response.writeHead(401, { "content-type": "application/json" });
      response.end('{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}');
    };
    request.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
      if (!isGood && length >= upstream.refuseAfter) refuse();
    });
    request.on("end", () => {
      if (!isGood) return refuse();
      upstream.whole.push(`${length} ${hash.digest("hex")}`);
      response.end("served");
    });
    if (!isGood && upstream.refuseAfter === 0) refuse();
  };
}

async function startReplaying(replayBudgetBytes?: number) {
  const upstream: Upstream = { refuseAfter: 0, whole: [] };
  const address = await startUpstream(answering(upstream), { readsBody: false });
  const rotation = { current: testRing([testKey("main", OLD)]) };
  const bed = await startProxy({
    credentials: { key: { acquire: (request, tried) => rotation.current.credential.acquire(request, tried) } },
    routes: () => [route({ backends: [ai({ hostOverride: address, credential: credential("key") })] })],
    ...(replayBudgetBytes === undefined ? {} : { replayBudgetBytes }),
  });
  /** The old key, of which nobody knows that it is refused, and whose source has the new one. */
  const forget = () => {
    const key = testKey("main", OLD);
    key.put(NEW);
    rotation.current = testRing([key]);
    return key;
  };
  return { bed, upstream, forget };
}

function bodyOf(lengths: readonly number[]): Buffer[] {
  return lengths.map((length, index) => Buffer.alloc(length, `part ${index} `));
}

function nameOf(chunks: readonly Uint8Array[]): string {
  const whole = Buffer.concat(chunks);
  return `${whole.length} ${createHash("sha256").update(whole).digest("hex")}`;
}

const headers = ["content-type", "multipart/form-data; boundary=x"];

async function sendSlowly(client: RawClient, chunks: readonly Uint8Array[], chunked: boolean): Promise<void> {
  const whole = Buffer.concat(chunks);
  const framing = chunked ? ["transfer-encoding", "chunked"] : ["content-length", String(whole.length)];
  client.send(requestBytes({ method: "POST", path, headers: [...headers, ...framing] }));
  for (const chunk of chunks) {
    client.send(chunked ? chunkOf(chunk) : chunk);
    await new Promise((done) => setImmediate(done));
  }
  if (chunked) client.send(chunkOf(""));
}

describe("a body that is sent once more", () => {
  test("is whole, however it comes and wherever the first attempt was refused", async () => {
    const { bed, upstream, forget } = await startReplaying();
    const client = await bed.connect();
    const chunks = array(integer({ min: 1, max: 120_000 }), { minLength: 1, maxLength: 6 });
    await assert(
      asyncProperty(
        record({ chunks, at: integer({ min: 0, max: 120 }), chunked: boolean() }),
        async ({ chunks: lengths, at, chunked }) => {
          forget();
          const body = bodyOf(lengths);
          const length = lengths.reduce((sum, each) => sum + each, 0);
          upstream.refuseAfter = Math.floor((length * at) / 100);
          upstream.whole.length = 0;
          const [answer] = await Promise.all([client.response(), sendSlowly(client, body, chunked)]);
          expect([answer.status, answer.body.toString()]).toEqual([200, "served"]);
          expect(upstream.whole).toEqual([nameOf(body)]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is sent as far as it has come, and then as it comes", async () => {
    const { bed, upstream, forget } = await startReplaying();
    const key = forget();
    const client = await bed.connect();
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = bodyOf([70_000, 500]);
    client.send(requestBytes({ method: "POST", path, headers: [...headers, "content-length", "70500"] })).send(first);
    await vi.waitFor(() => expect(key.refreshes).toBe(1));
    client.send(second);
    expect((await client.response()).status).toBe(200);
    expect(upstream.whole).toEqual([nameOf([first, second])]);
  });

  test("is never half a body that looks whole, when the client leaves in the middle", async () => {
    const { bed, upstream, forget } = await startReplaying();
    const key = forget();
    const client = await bed.connect();
    client.send(requestBytes({ method: "POST", path, headers: [...headers, "transfer-encoding", "chunked"] }));
    client.send(chunkOf("a".repeat(70_000)));
    await vi.waitFor(() => expect(key.refreshes).toBe(1));
    client.close();
    expect(await bed.nextRecord()).toMatchObject({ errorCode: "client_closed" });
    expect(upstream.whole).toEqual([]);
  });

  test("may outgrow the budget while it is sent for the last time, but not before", async () => {
    const { bed, upstream, forget } = await startReplaying(150_000);
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = bodyOf([70_000, 100_000]);
    const begin = requestBytes({ method: "POST", path, headers: [...headers, "content-length", "170000"] });
    for (let count = 0; count < 3; count++) {
      const key = forget();
      upstream.refuseAfter = 50_000;
      const client = await bed.connect();
      client.send(begin).send(first);
      await vi.waitFor(() => expect(key.refreshes).toBe(1));
      client.send(second);
      expect((await client.response()).status).toBe(200);
      expect(upstream.whole.at(-1)).toBe(nameOf([first, second]));

      forget();
      upstream.refuseAfter = 160_000;
      client.send(begin).send(first).send(second);
      expect((await client.response()).status).toBe(502);
      client.close();
    }
    expect(upstream.whole).toHaveLength(3);
  });

  test("leaves the connection ready for the next request, when it is refused for good", async () => {
    const { bed, upstream } = await startReplaying();
    upstream.refuseAfter = 10;
    const client = await bed.connect();
    const small = Buffer.alloc(50_000, "a");
    for (let count = 0; count < 3; count++) {
      client.request({ path, headers, body: small });
      expect((await client.response()).status).toBe(502);
    }
  });
});
