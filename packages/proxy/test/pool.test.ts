import type { Strategy } from "@keybearer/keyring";
import { describe, expect, test } from "vitest";
import { ai, credential, route } from "./definitions.ts";
import { testKey, testRing, type TestKey } from "./keys.ts";
import type { RawResponse } from "./raw-client.ts";
import { chatBody, chatPath, startProxy } from "./start-proxy.ts";
import type { KeyRule } from "@keybearer/simulator";

const A = "sk-aaaaaaaaaaaaaaaaaaaa-1111";
const B = "sk-bbbbbbbbbbbbbbbbbbbb-2222";
const stream = { stream: true };

async function startPool(
  rules: readonly (string | KeyRule)[],
  keys: readonly TestKey[] = [testKey("a", A), testKey("b", B)],
  strategy?: Strategy,
) {
  const pool = testRing(keys, strategy);
  const bed = await startProxy({
    simulator: { keys: rules },
    credentials: { key: pool.credential },
    routes: ({ host: hostOverride }) => [
      route({ backends: [ai({ hostOverride, credential: { ...credential("key"), choosesByBody: true } })] }),
    ],
  });
  return { ...pool, bed, keysSent: () => bed.upstream.requests.map(({ key }) => (key === A ? "a" : "b")).join("") };
}

function codeOf({ body }: RawResponse): unknown {
  return JSON.parse(body.toString()).error.code;
}

describe("of several keys", () => {
  test.each([{}, stream])("one that is limited makes room for the next, in the same request: %j", async (more) => {
    const { bed, keysSent } = await startPool([{ key: A, remaining: 0, retryAfterSeconds: 20 }, B]);
    expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
    expect((await bed.chat()).status).toBe(200);
    expect(keysSent()).toBe("abb");
    expect(await bed.nextRecord()).toMatchObject({
      key: { name: "b" },
      attempts: [{ key: "a", outcome: "limited", status: 429, waitMs: 20_000 }],
    });
    expect((await bed.nextRecord()).attempts).toBeUndefined();
  });

  test("one that is limited is not read again", async () => {
    const keys = [testKey("a", A), testKey("b", B)];
    const { bed } = await startPool([{ key: A, remaining: 0 }, B], keys);
    await bed.chat();
    expect(keys.map(({ refreshes }) => refreshes)).toEqual([0, 0]);
  });

  test("one whose last permitted request was just served is passed over before the 429 comes", async () => {
    const { bed, keysSent } = await startPool([{ key: A, remaining: 1, retryAfterSeconds: 20 }, B]);
    for (let count = 0; count < 3; count++) expect((await bed.chat()).status).toBe(200);
    expect(keysSent()).toBe("abb");
  });

  test("all are limited: 429 with the earliest wait, at once the next time", async () => {
    const { bed, keysSent, wait } = await startPool([
      { key: A, remaining: 0, retryAfterSeconds: 90 },
      { key: B, remaining: 0, retryAfterSeconds: 30 },
    ]);
    for (let count = 0; count < 2; count++) {
      const answer = await bed.chat();
      expect([answer.status, codeOf(answer)]).toEqual([429, "keys_cooling"]);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(28);
      expect(Number(answer.headers["retry-after"])).toBeLessThanOrEqual(31);
      expect(answer.headers).not.toHaveProperty("x-should-retry");
    }
    expect(keysSent()).toBe("ab");
    expect(await bed.nextRecord()).toMatchObject({
      errorCode: "keys_cooling",
      reason: "RateLimit",
      attempts: [
        { key: "a", outcome: "limited", status: 429 },
        { key: "b", outcome: "limited", status: 429 },
        { key: "a", outcome: "cooling", rule: "passed-over" },
        { key: "b", outcome: "cooling", rule: "passed-over" },
      ],
    });
    wait(31_000);
    bed.upstream.limitKey(B, { remaining: 5 });
    expect((await bed.chat()).status).toBe(200);
  });

  test("all are out of money: 502, which no client should repeat", async () => {
    const { bed, keysSent } = await startPool([
      { key: A, insufficientQuota: true },
      { key: B, insufficientQuota: true },
    ]);
    for (let count = 0; count < 2; count++) {
      const answer = await bed.chat(stream);
      expect([answer.status, codeOf(answer)]).toEqual([502, "upstream_out_of_credit"]);
      expect(answer.headers["x-should-retry"]).toBe("false");
    }
    expect(keysSent()).toBe("ab");
  });

  test("one is refused, and the next serves; both are read again at most once", async () => {
    const keys = [testKey("a", A), testKey("b", B)];
    const { bed, keysSent, alerts } = await startPool([B], keys);
    for (let count = 0; count < 3; count++) expect((await bed.chat(stream)).status).toBe(200);
    expect(keysSent()).toBe("abbb");
    expect(keys.map(({ refreshes }) => refreshes)).toEqual([1, 0]);
    expect(alerts).toMatchObject([{ kind: "key_refused", key: "a" }]);
  });

  test("all are refused: 502, and none is sent again", async () => {
    const { bed, keysSent } = await startPool([]);
    for (let count = 0; count < 2; count++) {
      const answer = await bed.chat();
      expect([answer.status, codeOf(answer)]).toEqual([502, "upstream_credentials_rejected"]);
    }
    expect(keysSent()).toBe("ab");
  });

  test("one that only a text calls wrong is passed over for the next, once each", async () => {
    const { bed, keysSent } = await startPool([A, B]);
    bed.upstream.fault({ kind: "status", status: 401, body: "{}" }, { times: 2 });
    expect(codeOf(await bed.chat())).toBe("upstream_credentials_rejected");
    expect(keysSent()).toBe("ab");
    expect((await bed.chat()).status).toBe(200);
  });

  test("none may be asked for this model: 404, and nothing is sent", async () => {
    const keys = [testKey("a", A, { models: ["gpt-5*"] }), testKey("b", B, { models: ["o*"] })];
    const { bed } = await startPool([A, B], keys);
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([404, "model_not_allowed"]);
    expect(bed.upstream.requests).toHaveLength(0);
  });

  test("that one serves which may be asked for the model, whatever the call", async () => {
    const keys = [testKey("a", A, { models: ["gpt-*"] }), testKey("b", B, { models: ["text-*"] })];
    const { bed, keysSent } = await startPool([A, B], keys);
    const body = JSON.stringify({ model: "text-embedding-3-small", input: "hello" });
    expect((await bed.send({ path: "/v1/embeddings", body })).status).toBe(200);
    expect(bed.upstream.requests[0]?.body.toString()).toBe(body);
    expect((await bed.chat()).status).toBe(200);
    expect(keysSent()).toBe("ba");
  });

  test("all are told that they may not use this model: 404", async () => {
    const { bed, keysSent } = await startPool([A, B]);
    const body = '{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}';
    bed.upstream.fault({ kind: "status", status: 404, body }, { times: 2 });
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([404, "model_not_allowed"]);
    expect(keysSent()).toBe("ab");
    expect((await bed.chat({ model: "another" })).status).toBe(200);
  });

  test("each is at a limit of our own: 429, and nothing is sent", async () => {
    const keys = [testKey("a", A, { requestsPerMinute: 1 }), testKey("b", B, { requestsPerMinute: 1 })];
    const { bed } = await startPool([A, B], keys);
    for (const status of [200, 200, 429]) expect((await bed.chat()).status).toBe(status);
    const answer = await bed.chat();
    expect(codeOf(answer)).toBe("keys_busy");
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(bed.upstream.requests).toHaveLength(2);
  });

  test("those of one account cool together, and another account's is tried next", async () => {
    const C = "sk-cccccccccccccccccccc-3333";
    const keys = [
      testKey("a", A, { scope: "one" }),
      testKey("b", B, { scope: "one" }),
      testKey("c", C, { scope: "two" }),
    ];
    const { bed } = await startPool([{ key: A, remaining: 0, retryAfterSeconds: 20 }, B, C], keys);
    expect((await bed.chat()).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual([A, C]);
  });

  test("one that comes back from a rest lets all others in as soon as its answer has begun", async () => {
    const { bed, wait, keysSent } = await startPool([{ key: A, remaining: 0, retryAfterSeconds: 20 }, B]);
    await bed.chat();
    wait(30_000);
    bed.upstream.setKeys([A, B]);
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(stream) });
    await client.take("data:");
    await bed.chat();
    expect(keysSent()).toBe("abaa");
    client.close();
  });

  test("a conversation keeps its key, and another client's of the same name need not", async () => {
    const { bed } = await startPool([A, B], undefined, "affinity");
    const sent = async (name: string, count: number) => {
      const before = bed.upstream.requests.length;
      for (let turn = 0; turn < count; turn++) await bed.chat({}, { headers: ["session-id", name] });
      return new Set(bed.upstream.requests.slice(before).map(({ key }) => key));
    };
    const each = [];
    for (let index = 0; index < 12; index++) each.push(await sent(`conversation-${index}`, 3));
    expect(each.every(({ size }) => size === 1)).toBe(true);
    expect(new Set(each.flatMap((keys) => [...keys])).size).toBe(2);
  });

  test("a conversation without a name is known by how it began", async () => {
    const { bed } = await startPool([A, B], undefined, "affinity");
    const keys = new Set<unknown>();
    for (let index = 0; index < 8; index++) {
      const messages = [{ role: "user", content: `question ${index}` }];
      const before = bed.upstream.requests.length;
      for (let turn = 0; turn < 3; turn++) {
        await bed.chat({ messages, temperature: turn });
        messages.push({ role: "assistant", content: `answer ${turn}` }, { role: "user", content: `and ${turn}?` });
      }
      const used = new Set(bed.upstream.requests.slice(before).map(({ key }) => key));
      expect(used.size).toBe(1);
      for (const key of used) keys.add(key);
    }
    expect(keys.size).toBe(2);
  });
});

describe("of one key alone", () => {
  test("a limit is the provider's own 429, without what it says of the account; then it is left in peace", async () => {
    const { bed } = await startPool([{ key: A, remaining: 0, retryAfterSeconds: 20 }], [testKey("a", A)]);
    const answer = await bed.chat(stream);
    expect(answer).toMatchObject({
      status: 429,
      headers: { "retry-after": "20", "x-ratelimit-remaining-requests": "0" },
    });
    expect(answer.body.toString()).toMatch(/Rate limit reached .* in organization \[redacted\] on requests/);
    expect(answer.headers).not.toHaveProperty("openai-organization");
    const next = await bed.chat();
    expect([next.status, codeOf(next), next.headers["retry-after"]]).toEqual([429, "keys_cooling", expect.any(String)]);
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("a model that is not there is the provider's own 404", async () => {
    const { bed } = await startPool([A], [testKey("a", A)]);
    const body = '{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}';
    bed.upstream.fault({ kind: "status", status: 404, body });
    const answer = await bed.chat();
    expect([answer.status, answer.body.toString()]).toEqual([404, body]);
    expect((await bed.chat({ model: "another" })).status).toBe(200);
  });
});

describe("what is no key's fault touches none", () => {
  test.each([400, 404, 413, 422, 500, 502, 503, 529])(
    "%i is relayed at once, and the key serves on",
    async (status) => {
      const { bed, ring, keysSent } = await startPool([A, B]);
      const body = '{"error":{"message":"no","type":"x"}}';
      bed.upstream.fault({ kind: "status", status, body });
      const answer = await bed.chat(stream);
      expect([answer.status, answer.body.toString()]).toEqual([status, body]);
      expect((await bed.chat()).status).toBe(200);
      expect(keysSent()).toBe("aa");
      expect(ring.view()).toMatchObject([{ state: "healthy" }, { state: "healthy" }]);
    },
  );

  test.each(["reset-before-head", "reset-after-head", "garbage", "half-close"] as const)(
    "%s is an error of the road, and the key serves on",
    async (kind) => {
      const { bed, ring, keysSent } = await startPool([A, B]);
      bed.upstream.fault({ kind });
      expect((await bed.chat(stream)).status).toBe(502);
      expect((await bed.chat()).status).toBe(200);
      expect(keysSent()).toBe("aa");
      expect(ring.view()).toMatchObject([{ state: "healthy" }, { state: "healthy" }]);
    },
  );

  test("a client that leaves takes its permit along", async () => {
    const { bed } = await startPool([A], [testKey("a", A, { maxConcurrent: 1 })]);
    bed.upstream.fault({ kind: "stall-before-head" });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await bed.upstream.waitForRequest();
    expect(codeOf(await bed.chat())).toBe("keys_busy");
    client.close();
    await bed.upstream.waitForAbort();
    await bed.nextRecord();
    await bed.nextRecord();
    expect((await bed.chat()).status).toBe(200);
  });
});
