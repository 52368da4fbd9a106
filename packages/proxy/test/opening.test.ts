import type { ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { ai, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import { chatBody, chatPath, startProxy, type BedOptions } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

const role = 'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n';
const word = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
const refused = 'data: {"error":{"message":"no","code":"invalid_api_key"}}\n\n';
const comment = `: ${"x".repeat(1020)}\n\n`;
const never = 60_000;

/** A provider that begins a stream and says no more than the test tells it to. */
async function startStreams(options: BedOptions = {}) {
  const streams: ServerResponse[] = [];
  const address = await startUpstream((response, url) => {
    if (url !== chatPath) return void response.end();
    streams.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const key = testKey("main", "sk-the-oldest-of-them");
  key.put("sk-the-newest-of-them");
  const bed = await startProxy({
    routes: () => [route({ backends: [ai({ hostOverride: address })] })],
    credentials: { key: testRing([key]).credential },
    ...options,
  });
  const ask = async () => {
    const before = streams.length;
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await vi.waitFor(() => expect(streams).toHaveLength(before + 1));
    return { client, stream: streams[before]! };
  };
  return { bed, ask, streams, key };
}

const patient = { healingTimeouts: { openingMs: never } };

describe("the opening of a stream", () => {
  test("is held back until content comes, and then goes on whole", async () => {
    const { bed, ask } = await startStreams(patient);
    const { client, stream } = await ask();
    stream.write(comment);
    stream.write(role);
    await bed.send({ path: "/v1/models" });
    await bed.send({ path: "/v1/models" });
    expect(client.unread).toHaveLength(0);
    stream.end(word);
    const { status, body } = await client.response();
    expect([status, body.toString()]).toEqual([200, comment + role + word]);
  });

  test("goes on when it is longer than 64 KiB", async () => {
    const { ask } = await startStreams(patient);
    const { client, stream } = await ask();
    stream.write(comment.repeat(63));
    stream.write(comment.repeat(3));
    expect(await client.take("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    for (let count = 0; count < 66; count++) expect(await client.take(comment)).toBeDefined();
    stream.write(refused);
    expect(await client.take(refused)).toBeDefined();
  });

  test("goes on when its time is over, head and all, and an error that comes later passes", async () => {
    const { ask, streams } = await startStreams({ healingTimeouts: { openingMs: 50 } });
    const { client, stream } = await ask();
    stream.write(role);
    expect(await client.take("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    expect(await client.take(role)).toBeDefined();
    stream.end(refused);
    expect(await client.take(refused)).toBeDefined();
    expect(streams).toHaveLength(1);
  });

  test("is the whole answer, if the provider says no more", async () => {
    const { ask } = await startStreams(patient);
    const { client, stream } = await ask();
    stream.end(role);
    const answer = await client.response();
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(answer.body.toString()).toBe(role);
  });

  test("that ends in an error leaves no connection behind, whether or not the provider ends it", async () => {
    const { ask, streams, key } = await startStreams(patient);
    const { client, stream } = await ask();
    const closed = new Promise((done) => stream.on("close", done));
    stream.write(role + refused);
    await closed;
    await vi.waitFor(() => expect(streams).toHaveLength(2));
    streams[1]?.end(word);
    const answer = await client.response();
    expect(answer.body.toString()).toBe(word);
    expect(key.refreshes).toBe(1);
  });

  test("that has not ended when the client leaves ends the call", async () => {
    const { bed, ask } = await startStreams(patient);
    const { client, stream } = await ask();
    const closed = new Promise((done) => stream.on("close", done));
    stream.write(role);
    client.close();
    await closed;
    expect(await bed.nextRecord()).toMatchObject({ status: 499, errorCode: "client_closed" });
    expect(bed.outcomes).toMatchObject([{ kind: "abandoned" }]);
  });

  test("leaves no timer and no listener behind", async () => {
    const { bed, ask } = await startStreams(patient);
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const warned = vi.fn<(warning: Error) => void>();
    process.on("warning", warned);
    const client = await bed.connect();
    const before = timers();
    for (let count = 0; count < 10; count++) {
      const next = await ask();
      next.stream.end(role + word);
      expect((await next.client.response()).complete).toBe(true);
      next.client.close();
    }
    client.close();
    await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before));
    process.off("warning", warned);
    expect(warned).not.toHaveBeenCalled();
  });
});
