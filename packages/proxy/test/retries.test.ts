import type { RetryPolicy, RoutePolicies } from "@keybearer/proxy";
import type { Fault } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { ai, credential, host, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import type { RawResponse, SendOptions } from "./raw-client.ts";
import { refusingOnce } from "./refusing-once.ts";
import { startRawUpstream } from "./hostile/raw-upstream.ts";
import { chatBody, chatPath, startProxy, type BedOptions, type TestBed } from "./start-proxy.ts";

const stream = { stream: true };
const never = 600_000;

function startRetrying(retry: Partial<RetryPolicy>, policies: Partial<RoutePolicies> = {}, options: BedOptions = {}) {
  const all = { ...policies, retry: { attempts: 1, backoffMs: 0, codes: [500, 503], ...retry } };
  return startProxy({
    routes: ({ host: hostOverride }) => [route({ policies: all, backends: [ai({ hostOverride })] })],
    ...options,
  });
}

function status(code: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return { kind: "status", status: code, headers };
}

function codeOf({ body }: RawResponse): unknown {
  return JSON.parse(body.toString()).error.code;
}

function attemptsSeen({ upstream }: TestBed): (string | undefined)[] {
  return upstream.requests.map(({ headers }) => headers["x-retry-attempt"]);
}

describe("with a retry policy", () => {
  test.each([{}, stream])(
    "a request is sent again as often as it says, and each says which it is: %j",
    async (more) => {
      const bed = await startRetrying({ attempts: 2 });
      bed.upstream.fault([status(503), { kind: "reset-before-head" }]);
      expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
      expect(attemptsSeen(bed)).toEqual([undefined, "1", "2"]);
      const [first, ...others] = bed.upstream.requests.map(({ body }) => body.toString());
      expect(others).toEqual([first, first]);
      expect(await bed.nextRecord()).toMatchObject({
        status: 200,
        errorCode: undefined,
        retries: 2,
        key: { name: "main" },
        attempts: [
          { key: "main", outcome: "overloaded", rule: "overloaded", status: 503 },
          { key: "main", outcome: "network", rule: "upstream_closed", status: 0 },
        ],
      });
    },
  );

  test("and no more often: the last answer is the answer", async () => {
    const bed = await startRetrying({ attempts: 2 });
    const bodies = ["first", "second", "third"].map((message) => JSON.stringify({ error: { message, code: message } }));
    bed.upstream.fault(bodies.map((body) => ({ kind: "status", status: 500, body })));
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([500, "third"]);
    expect(await bed.nextRecord()).toMatchObject({ status: 500, retries: 2 });
  });

  test("a status that it does not list is the answer", async () => {
    const bed = await startRetrying({ codes: [503] });
    bed.upstream.fault(status(500));
    expect((await bed.chat()).status).toBe(500);
    expect(attemptsSeen(bed)).toEqual([undefined]);
    expect((await bed.nextRecord()).retries).toBe(0);
  });

  test.each([
    ["the caller's own token", "caller"],
    ["no key at all", undefined],
  ])("a request with %s is sent again as well", async (_, id) => {
    const bed = await startRetrying({}, {}, {
      simulator: { anonymous: true },
      routes: (upstream) => [
        route({
          policies: { retry: { attempts: 2, backoffMs: 0, codes: [429] } },
          backends: [host({ host: upstream.host, credential: id === undefined ? undefined : credential(id) })],
        }),
      ],
    }); // prettier-ignore
    const request: SendOptions = {
      path: "/v1/embeddings",
      body: chatBody(),
      headers: ["authorization", "Bearer sk-mine"],
    };
    bed.upstream.fault([status(429), { kind: "reset-before-head" }]);
    expect((await bed.send(request)).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual(["sk-mine"]);
    bed.upstream.fault([status(429), status(429), status(429)]);
    expect(await bed.send({ ...request, body: chatBody({ n: 2 }) })).toMatchObject({ status: 429, complete: true });
    expect(attemptsSeen(bed)).toEqual([undefined, "1", "2", undefined, "1", "2"]);
    expect(bed.upstream.requests.every(({ bodyComplete }) => bodyComplete)).toBe(true);
  });

  test("a body that is relayed unread is sent again as long as all of it is kept", async () => {
    const bed = await startRetrying({}, {}, { replayBudgetBytes: 200_000 });
    const upload = (bytes: number): SendOptions => {
      const head =
        '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
      const body = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, "x"), Buffer.from("\r\n--b--\r\n")]);
      return { path: "/v1/files", headers: ["content-type", "multipart/form-data; boundary=b"], body };
    };
    bed.upstream.fault(status(503));
    expect((await bed.send(upload(150_000))).status).toBe(200);
    const [first, second] = bed.upstream.requests;
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    bed.upstream.fault(status(503));
    expect((await bed.send(upload(300_000))).status).toBe(503);
    expect(attemptsSeen(bed)).toEqual([undefined, "1", undefined]);
  });

  test("nothing is sent again once the client has seen any of the answer", async () => {
    const bed = await startRetrying({ attempts: 5 });
    for (const more of [{}, stream]) {
      bed.upstream.fault({ kind: "reset-after-events", afterEvents: 3 });
      expect((await bed.chat(more)).complete).toBe(false);
    }
    expect(attemptsSeen(bed)).toEqual([undefined, undefined]);
  });

  test("a client that leaves while it waits ends it", async () => {
    const bed = await startRetrying({ backoffMs: never });
    bed.upstream.fault(status(503));
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await bed.upstream.waitForRequest();
    client.close();
    expect(await bed.nextRecord()).toMatchObject({ status: 499, errorCode: "client_closed", retries: 0 });
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("a wait that would outlast requestTimeout is none: the failure is the answer, at once", async () => {
    const bed = await startRetrying({ backoffMs: never }, { timeout: { requestTimeoutMs: 60_000 } });
    bed.upstream.fault([status(503), { kind: "reset-before-head" }]);
    expect((await bed.chat()).status).toBe(503);
    expect(codeOf(await bed.chat())).toBe("upstream_closed");
    expect(attemptsSeen(bed)).toEqual([undefined, undefined]);
  });

  test("it waits for its backoff, and for what the answer asks for, with some chance, whichever is longer", async () => {
    const draws: number[] = [];
    const random = () => (draws.push(0), 0.5);
    const bed = await startRetrying({ backoffMs: 40 }, {}, { random });
    const took = async (fault: Fault) => {
      bed.upstream.fault(fault);
      expect((await bed.chat()).status).toBe(200);
      const [first, second] = bed.upstream.requests.slice(-2);
      return (second?.receivedAt ?? 0) - (first?.receivedAt ?? 0);
    };
    // Timers and the clock that tells may differ by a millisecond.
    expect(await took(status(503))).toBeGreaterThanOrEqual(44);
    expect(await took({ kind: "reset-before-head" })).toBeGreaterThanOrEqual(44);
    expect(await took(status(503, { "retry-after-ms": "160" }))).toBeGreaterThanOrEqual(179);
    expect(await took(status(503, { "retry-after-ms": "1" }))).toBeGreaterThanOrEqual(44);
  });

  test.each(["31", new Date(Date.now() + 3_600_000).toUTCString()])(
    "a provider that wants more than 30 s is not waited for, and the client is told: %s",
    async (wait) => {
      const bed = await startRetrying({});
      bed.upstream.fault(status(503, { "retry-after": wait }));
      expect(await bed.chat()).toMatchObject({ status: 503, headers: { "retry-after": wait } });
      expect(attemptsSeen(bed)).toEqual([undefined]);
    },
  );

  test("each attempt has backendRequestTimeout for itself, and requestTimeout holds for all", async () => {
    const timeout = { backendRequestTimeoutMs: 300, requestTimeoutMs: 800 };
    const bed = await startRetrying({ attempts: 255 }, { timeout });
    bed.upstream.fault({ kind: "stall-before-head" }, { times: "always" });
    expect(codeOf(await bed.chat())).toBe("request_timeout");
    expect(attemptsSeen(bed)).toEqual([undefined, "1", "2"]);
    expect(await bed.nextRecord()).toMatchObject({ status: 504, reason: "Timeout", retries: 2 });
  });
});

describe("beside the keys of a backend", () => {
  const A = "sk-aaaaaaaaaaaaaaaaaaaa-1111";
  const B = "sk-bbbbbbbbbbbbbbbbbbbb-2222";

  async function startPool(retry: Partial<RetryPolicy>, keys: BedOptions["simulator"]) {
    const pool = testRing([testKey("a", A), testKey("b", B)]);
    const bed = await startRetrying(retry, {}, { simulator: { ...keys }, credentials: { key: pool.credential } });
    return { bed, ...pool, keysSent: () => bed.upstream.requests.map(({ key }) => (key === A ? "a" : "b")).join("") };
  }

  test("keys that are tried are no retries, and a retry has the keys that are well", async () => {
    const { bed, keysSent } = await startPool({}, { keys: [B] });
    bed.upstream.fault([{ kind: "none" }, status(503)]);
    expect((await bed.chat()).status).toBe(200);
    expect(keysSent()).toBe("abb");
    expect(attemptsSeen(bed)).toEqual([undefined, undefined, "1"]);
    expect(await bed.nextRecord()).toMatchObject({ retries: 1, key: { name: "b" } });
  });

  test("the key that met a fault of the provider's serves again", async () => {
    const { bed, keysSent, ring } = await startPool({ attempts: 3 }, {});
    bed.upstream.fault([status(500), { kind: "garbage" }, status(503)]);
    expect((await bed.chat(stream)).complete).toBe(true);
    expect(keysSent()).toBe("aaaa");
    expect(ring.view()).toMatchObject([{ state: "healthy" }, { state: "healthy" }]);
  });

  test("where all are limited, a policy for 429 waits until the first is back", async () => {
    const wait = { remaining: 0, retryAfterSeconds: 1 };
    const {
      bed,
      keysSent,
      wait: pass,
    } = await startPool(
      { codes: [429] },
      {
        keys: [
          { key: A, ...wait },
          { key: B, ...wait },
        ],
      },
    );
    const answer = bed.chat();
    await bed.upstream.waitForRequest(({ key }) => key === B);
    bed.upstream.setKeys([A, B]);
    pass(5_000);
    expect((await answer).status).toBe(200);
    expect(keysSent()).toMatch(/^ab[ab]$/);
    expect(attemptsSeen(bed)).toEqual([undefined, undefined, "1"]);
  });

  test("and without it, or where that is long, 429 tells how long", async () => {
    for (const [codes, retryAfterSeconds] of [
      [[503], 1],
      [[429], 45],
    ] as const) {
      const rules = [A, B].map((key) => ({ key, remaining: 0, retryAfterSeconds }));
      const { bed, keysSent } = await startPool({ codes }, { keys: rules });
      const answer = await bed.chat();
      expect([answer.status, codeOf(answer)]).toEqual([429, "keys_cooling"]);
      expect(keysSent()).toBe("ab");
    }
  });
});

describe("without a retry policy", () => {
  test("a request that never left is sent once more, and one that the provider may have begun is not", async () => {
    const bed = await startProxy();
    bed.upstream.refuseConnections();
    expect(codeOf(await bed.chat())).toBe("upstream_unreachable");
    expect(await bed.nextRecord()).toMatchObject({ retries: 1, attempts: [{ rule: "upstream_unreachable" }] });
    await bed.upstream.acceptConnections();
    bed.upstream.fault({ kind: "reset-before-head" });
    expect(codeOf(await bed.chat())).toBe("upstream_closed");
    expect(await bed.nextRecord()).toMatchObject({ retries: 0, attempts: undefined });
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("an upload whose bytes nobody keeps has lost none of them, and leaves with the second connection", async () => {
    const bed = await startProxy({
      routes: ({ host: authority }) => [route({ backends: [host({ host: authority })] })],
      simulator: { anonymous: true },
      dispatcher: refusingOnce,
    });
    expect((await bed.send({ path: "/v1/embeddings", body: chatBody(), chunked: true })).status).toBe(200);
    expect(bed.upstream.requests[0]?.body.toString()).toBe(chatBody());
  });

  test.each([
    ["GET", 200],
    ["HEAD", 200],
    ["POST", 502],
    ["DELETE", 502],
  ])("a kept connection that is closed as %s is written to: %i", async (method, expected) => {
    let served = 0;
    const upstream = await startRawUpstream((request, socket) => {
      if (++served === 2) socket.destroy();
      else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.method === "HEAD" ? "" : "ok"}`);
    });
    onTestFinished(() => upstream.close());
    const bed = await startProxy({ routes: () => [route({ backends: [host({ host: upstream.host })] })] });
    expect((await bed.send({})).status).toBe(200);
    expect((await bed.send({ method })).status).toBe(expected);
    const sent = upstream.requests.map((request) => request.method);
    expect(sent).toEqual(["GET", method, ...(expected === 200 ? [method] : [])]);
  });

  test("a new connection that is closed without a word is no such thing", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "reset-before-head" });
    expect((await bed.send({ path: "/v1/models" })).status).toBe(502);
    expect(bed.upstream.requests).toHaveLength(1);
  });
});
