import { createParser } from "eventsource-parser";
import { handleCredential, staticHandle, createSeal, systemClock } from "@keybearer/secrets";
import { describe, expect, test, vi } from "vitest";
import { ai, credential, host, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import type { RawResponse, SendOptions } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type BedOptions } from "./start-proxy.ts";

const OLD = "sk-proj-oldoldoldoldoldold1234";
const NEW = "sk-proj-newnewnewnewnewnew5678";
const stream = { stream: true };

/** A provider that accepts `NEW` alone, and one key of the gateway's: `OLD`, whose source holds `stored`. */
async function startHealing(stored: string, options: BedOptions = {}, keyOptions = {}) {
  const key = testKey("main", OLD, keyOptions);
  key.put(stored);
  const { ring, credential: own, alerts, wait } = testRing([key]);
  const bed = await startProxy({
    ...options,
    simulator: { keys: [NEW], ...options.simulator },
    credentials: { key: own, ...options.credentials },
  });
  return { bed, key, ring, alerts, wait };
}

function errorOf({ body }: RawResponse): Readonly<Record<string, unknown>> {
  return JSON.parse(body.toString()).error;
}

function upload(bytes: number): SendOptions {
  const head =
    '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, "x"), Buffer.from("\r\n--b--\r\n")]);
  return { path: "/v1/files", headers: ["content-type", "multipart/form-data; boundary=b"], body };
}

describe("a key that the provider refuses, and whose source has a newer one", () => {
  const json: SendOptions = { path: chatPath, body: chatBody() };
  test.each<readonly [string, SendOptions]>([
    ["an answer in JSON", json],
    ["a stream", { path: chatPath, body: chatBody(stream) }],
    ["the responses API", { path: "/v1/responses", body: '{"model":"gpt-4o-mini","input":"hello"}' }],
    ["a stream of it", { path: "/v1/responses", body: '{"model":"gpt-4o-mini","input":"hello","stream":true}' }],
    ["embeddings", { path: "/v1/embeddings", body: '{"model":"text-embedding-3-small","input":"hello"}' }],
    ["embeddings, in chunks", { path: "/v1/embeddings", body: '{"model":"m","input":"hello"}', chunked: true }],
    ["an upload, relayed unread", upload(200_000)],
    ["no body", { path: "/v1/models" }],
  ])("serves the same request, unseen by the caller: %s", async (_, request) => {
    const { bed, key } = await startHealing(NEW);
    const answer = await bed.send(request);
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(key.refreshes).toBe(1);
    expect(bed.upstream.keysSeen).toEqual([OLD, NEW]);
    const [first, second] = bed.upstream.requests;
    expect(second?.bodyComplete).toBe(true);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    expect(bed.outcomes).toMatchObject([
      { kind: "refused", failure: { class: "keyInvalid" } },
      { kind: "answered", status: 200 },
    ]);
    const record = await bed.nextRecord();
    expect(record).toMatchObject({ status: 200, errorCode: undefined, key: { name: "main" } });
    expect(record.attempts).toEqual([
      { key: "main", outcome: "keyInvalid", rule: "invalid-api-key", status: 401, waitMs: undefined },
    ]);
    await bed.send(request);
    expect(bed.upstream.requests).toHaveLength(3);
  });

  test("is read again once for all who wait for it, those included who come while it is being read", async () => {
    const { bed, key } = await startHealing(NEW);
    const release = key.hold();
    const ask = () => Promise.all(Array.from({ length: 10 }, (_, index) => bed.chat(index % 2 === 0 ? stream : {})));
    const first = ask();
    await vi.waitFor(() => expect(key.refreshes).toBe(1));
    const second = ask();
    await vi.waitFor(() => expect(bed.openConnections()).toBe(20));
    release();
    const answers = [...(await first), ...(await second)];
    expect(answers.filter(({ status, complete }) => status === 200 && complete)).toHaveLength(20);
    expect(key.refreshes).toBe(1);
    expect(bed.upstream.requests.filter(({ key }) => key === NEW)).toHaveLength(20);
  });

  test("heals again when it is rotated again", async () => {
    const { bed, key } = await startHealing(NEW);
    for (const next of [NEW, "sk-the-third-one", "sk-the-fourth-one"]) {
      bed.upstream.setKeys([next]);
      key.put(next);
      expect((await bed.chat(stream)).status).toBe(200);
    }
    expect(key.refreshes).toBe(3);
  });

  test("heals on a plain backend, too, in whatever place it is sent", async () => {
    const { bed } = await startHealing(NEW, {
      routes: ({ host: authority }) => [
        route({
          backends: [
            host({
              host: authority,
              credential: { entries: [{ id: "key", location: { header: { name: "api-key" } } }] },
            }),
          ],
        }),
      ],
    });
    expect(await bed.chat(stream)).toMatchObject({ status: 200, complete: true });
    expect(bed.upstream.requests.map(({ headers }) => headers["api-key"])).toEqual([OLD, NEW]);
  });

  test("heals a HEAD request", async () => {
    const { bed } = await startHealing(NEW, {
      routes: (upstream) => [route({ backends: [host({ host: upstream.host, credential: credential("key") })] })],
    });
    bed.upstream.fault({ kind: "status", status: 401 });
    const answer = await bed.send({ method: "HEAD", path: "/v1/models" });
    expect(answer.status).not.toBe(401);
    expect(bed.upstream.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  });

  test("does not loop with a source that has something new each time", async () => {
    const { bed, key } = await startHealing(NEW);
    bed.upstream.setKeys(["sk-none-of-them"]);
    const put = () => key.put(`sk-wild-${bed.upstream.requests.length}-abcdef`);
    bed.upstream.fault({ kind: "none" }, { times: "always", when: () => (put(), false) });
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
    expect(bed.upstream.requests).toHaveLength(32);
  });
});

describe("a refusal inside a stream of status 200", () => {
  const invalid = { message: `Incorrect API key provided: ${OLD}`, code: "invalid_api_key" };
  const request = (path: string): SendOptions => ({
    path,
    body: JSON.stringify({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "hello" }],
      input: "hello",
      stream: true,
    }),
  });

  test.each([
    [chatPath, 0],
    [chatPath, 1],
    ["/v1/responses", 0],
    ["/v1/responses", 2],
  ])("heals before content has come: %s, after %i events", async (path, afterEvents) => {
    const { bed } = await startHealing(NEW);
    bed.upstream.setKeys(undefined);
    bed.upstream.fault({ kind: "error-event", afterEvents, error: invalid });
    const answer = await bed.send(request(path));
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(answer.body.toString()).not.toContain('error":{');
    expect(answer.body.toString().match(/"role":"assistant","content":""|event: response.created/g)).toHaveLength(1);
    expect(bed.upstream.keysSeen).toEqual([OLD, NEW]);
  });

  test("passes when content has gone out, and nothing is sent twice", async () => {
    const { bed, key } = await startHealing(NEW);
    bed.upstream.setKeys(undefined);
    bed.upstream.fault({ kind: "error-event", afterEvents: 2, error: { ...invalid, message: "gone" } });
    const answer = await bed.chat(stream);
    const events: string[] = [];
    createParser({ onEvent: ({ data }) => void events.push(data) }).feed(answer.body.toString());
    expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ error: { message: "gone" } });
    expect(bed.upstream.requests).toHaveLength(1);
    expect(key.refreshes).toBe(0);
  });

  test.each([
    [chatPath, "rate_limit_exceeded", 429],
    [chatPath, "server_error", 500],
    [chatPath, "context_length_exceeded", 400],
    ["/v1/responses", "rate_limit_exceeded", 429],
  ])("that no key heals is an error with a status: %s, %s, %i", async (path, code, status) => {
    const { bed } = await startHealing(NEW);
    bed.upstream.setKeys(undefined);
    bed.upstream.fault({ kind: "error-event", afterEvents: 1, error: { message: `too much of ${OLD}`, code } });
    const answer = await bed.send(request(path));
    expect(answer).toMatchObject({ status, complete: true, headers: { "content-type": "application/json" } });
    expect(errorOf(answer)).toMatchObject({ message: "too much of [redacted]", code });
    expect(bed.upstream.requests).toHaveLength(1);
  });
});

describe("a key that the provider refuses, and whose source has nothing newer", () => {
  test.each([
    ["masked", false, {}],
    ["whole", true, {}],
    ["masked, to a stream", false, stream],
  ])("is an error of the gateway's, without a fragment of the key: %s", async (_, echoKey, more) => {
    const { bed, key, alerts } = await startHealing(OLD, { simulator: { echoKey } });
    const answer = await bed.chat(more, { headers: ["x-request-id", "r-1"] });
    expect(answer).toMatchObject({ status: 502, headers: { "x-request-id": "r-1", "x-should-retry": "false" } });
    expect(errorOf(answer)).toMatchObject({
      code: "upstream_credentials_rejected",
      message: expect.stringContaining("request id: r-1"),
    });
    const seen = JSON.stringify([answer.rawHeaders, answer.body.toString()]);
    for (const fragment of [OLD.slice(0, 8), OLD.slice(-4), "***", "org-simulated"])
      expect(seen).not.toContain(fragment);
    expect(key.refreshes).toBe(1);
    expect(alerts).toMatchObject([{ kind: "key_refused", key: "main" }, { kind: "pool_below" }]);
    expect(await bed.nextRecord()).toMatchObject({
      status: 502,
      reason: "UpstreamFailure",
      errorCode: "upstream_credentials_rejected",
      attempts: [
        { key: "main", outcome: "keyInvalid", rule: "invalid-api-key", status: 401 },
        { key: "main", outcome: "refused", rule: "passed-over", status: 0 },
      ],
    });
  });

  test("is not sent again, until its source changes", async () => {
    const { bed, key } = await startHealing(OLD);
    await bed.chat();
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
    expect(errorOf(await bed.send(upload(100_000)))["code"]).toBe("upstream_credentials_rejected");
    expect(bed.upstream.requests).toHaveLength(1);
    key.put(NEW);
    await key.settings.handle.refresh?.({});
    expect((await bed.chat()).status).toBe(200);
  });

  test("is sent again when its turn for a probe has come, and heals if the provider takes it back", async () => {
    const { bed, wait } = await startHealing(OLD);
    await bed.chat();
    bed.upstream.setKeys([OLD]);
    wait(60_000);
    expect((await bed.chat(stream)).status).toBe(200);
    expect((await bed.chat()).status).toBe(200);
  });

  test("and which only a text calls wrong, is the same to the caller, and stays in use until a check has told", async () => {
    const { bed, ring } = await startHealing(OLD);
    bed.upstream.setKeys([OLD]);
    bed.upstream.fault({ kind: "status", status: 401, body: `key ${OLD} is bad` });
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
    expect(ring.needsProbe()).toMatchObject([{ name: "main" }]);
    expect((await bed.chat()).status).toBe(200);
  });

  test.each([401, 403])("is an error with an empty body, too: %i", async (status) => {
    const { bed } = await startHealing(OLD);
    bed.upstream.fault({ kind: "status", status, body: "" });
    const answer = await bed.chat();
    expect(answer.status).toBe(502);
    expect(errorOf(answer)["code"]).toBe("upstream_credentials_rejected");
  });

  test("has the same answer to HEAD, without a body", async () => {
    const { bed } = await startHealing(OLD, {
      routes: (upstream) => [route({ backends: [host({ host: upstream.host, credential: credential("key") })] })],
    });
    bed.upstream.fault({ kind: "status", status: 401 });
    const client = await bed.connect();
    client.request({ method: "HEAD", path: "/v1/models" });
    expect(await client.response({ head: true })).toMatchObject({
      status: 502,
      headers: { "x-should-retry": "false" },
    });
    bed.upstream.setKeys([OLD]);
    client.request({ path: "/v1/models" });
    expect((await client.response()).status).toBe(200);
  });

  test("is the same for a key that cannot be read again", async () => {
    const seal = createSeal({ source: "inline", clock: systemClock });
    const handle = staticHandle(seal(OLD));
    const bed = await startProxy({
      simulator: { keys: [NEW] },
      credentials: { key: handleCredential({ name: "main", source: "inline", handle }) },
    });
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("on a plain backend: its 403 is its word on what was asked for, and passes", async () => {
    const { bed } = await startHealing(OLD, {
      routes: (upstream) => [route({ backends: [host({ host: upstream.host, credential: credential("key") })] })],
    });
    bed.upstream.fault({ kind: "status", status: 403, body: `no such thing for ${OLD}` });
    const answer = await bed.chat();
    expect([answer.status, answer.body.toString()]).toEqual([403, "no such thing for [redacted]"]);
  });
});

test("a new key that the provider does not take yet: the one before serves, as long as both are honoured", async () => {
  const { bed, alerts } = await startHealing(OLD, {}, { previous: NEW });
  expect(await bed.chat(stream)).toMatchObject({ status: 200, complete: true });
  expect(bed.upstream.keysSeen).toEqual([OLD, NEW]);
  expect(alerts.map(({ kind }) => kind)).toEqual(["key_refused", "overlap_in_use"]);
  await bed.chat();
  expect(bed.upstream.requests).toHaveLength(3);
});

describe("the wait for a newer key", () => {
  test("ends at its limit, with the refusal", async () => {
    const { bed, key } = await startHealing(NEW, { healingTimeouts: { renewMs: 50 } });
    key.hold();
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
  });

  test("ends with the request's own time", async () => {
    const { bed, key } = await startHealing(NEW, {
      routes: ({ host: hostOverride }) => [
        route({ policies: { timeout: { requestTimeoutMs: 100 } }, backends: [ai({ hostOverride })] }),
      ],
    });
    key.hold();
    expect(errorOf(await bed.chat())["code"]).toBe("upstream_credentials_rejected");
  });

  test("ends when the client leaves, and nothing more is sent", async () => {
    const { bed, key } = await startHealing(NEW);
    const release = key.hold();
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await vi.waitFor(() => expect(key.refreshes).toBe(1));
    client.close();
    expect(await bed.nextRecord()).toMatchObject({ status: 499, errorCode: "client_closed" });
    release();
    expect(bed.upstream.requests).toHaveLength(1);
  });
});

describe("a body that is larger than what may be kept", () => {
  const budget = { replayBudgetBytes: 100_000 };

  test("is streamed without the promise: a refusal is an error", async () => {
    const { bed, key } = await startHealing(NEW, budget);
    const answer = await bed.send(upload(2_000_000));
    expect(errorOf(answer)["code"]).toBe("upstream_credentials_rejected");
    expect(bed.upstream.requests).toHaveLength(1);
    expect(bed.upstream.requests[0]?.body.length).toBeGreaterThan(2_000_000);
    expect(key.refreshes).toBe(0);
  });

  test("serves as any other when its key is good", async () => {
    const { bed } = await startHealing(NEW, budget);
    bed.upstream.setKeys([OLD]);
    const { status, body } = await bed.send(upload(2_000_000));
    expect([status, JSON.parse(body.toString()).bytes]).toEqual([200, 2_000_000]);
  });

  test("takes nothing from those that come after: what is kept is given back", async () => {
    const { bed, key } = await startHealing(NEW, budget);
    bed.upstream.setKeys([OLD]);
    for (let count = 0; count < 10; count++) {
      expect((await bed.send(upload(count % 2 === 0 ? 80_000 : 300_000))).status).toBe(200);
    }
    bed.upstream.setKeys([NEW]);
    expect((await bed.send(upload(80_000))).status).toBe(200);
    for (let count = 0; count < 4; count++) {
      bed.upstream.setKeys([`sk-turn-${count}-abcdef`]);
      key.put(`sk-turn-${count}-abcdef`);
      expect((await bed.send(upload(80_000))).status).toBe(200);
    }
  });
});

describe("a caller's own token", () => {
  const callers = (options: BedOptions = {}) =>
    startProxy({
      ...options,
      simulator: { keys: [NEW], echoKey: true },
      routes: ({ host: hostOverride }) => [
        route({ backends: [ai({ hostOverride, credential: { entries: [{ id: "caller" }] } })] }),
      ],
    });

  test("that the provider refuses is the caller's to know: the answer is relayed byte for byte", async () => {
    const bed = await callers();
    const answer = await bed.chat({}, { headers: ["authorization", `Bearer ${OLD}`] });
    expect(answer.status).toBe(401);
    expect(errorOf(answer)["message"]).toContain(OLD);
    expect(answer.headers["openai-organization"]).toBe("org-simulated");
    expect(bed.outcomes).toEqual([{ kind: "answered", status: 401 }]);
    const record = await bed.nextRecord();
    expect(record).toMatchObject({ status: 401, errorCode: undefined, attempts: undefined });
  });

  test("is not looked at in a stream: what comes goes on", async () => {
    const bed = await callers();
    bed.upstream.fault({ kind: "error-event", afterEvents: 0, error: { code: "invalid_api_key" } });
    const answer = await bed.chat(stream, { headers: ["authorization", `Bearer ${NEW}`] });
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("has its body kept by nobody, and so takes nothing from those that may be sent twice", async () => {
    const { bed } = await startHealing(NEW, {
      replayBudgetBytes: 300_000,
      routes: ({ host: hostOverride }) => [
        route({ backends: [ai({ hostOverride })] }),
        route({
          name: "callers",
          hostnames: ["callers.test"],
          backends: [ai({ hostOverride, credential: { entries: [{ id: "caller" }] } })],
        }),
      ],
    });
    const request = upload(200_000);
    bed.upstream.fault({ kind: "stall-before-head" });
    const client = await bed.connect();
    const headers = [...(request.headers ?? []), "authorization", `Bearer ${NEW}`];
    client.request({ ...request, headers, host: "callers.test" });
    await bed.upstream.waitForRequest(({ bodyComplete }) => bodyComplete);
    expect((await bed.send(request)).status).toBe(200);
  });
});
