import type { ServerResponse } from "node:http";
import type { RoutePolicies } from "@keybearer/proxy";
import { Pool } from "undici";
import { describe, expect, test } from "vitest";
import { ai, match, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import type { RawResponse } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type BedOptions } from "./start-proxy.ts";
import { startUpstream } from "./upstream.ts";

const SOON_MS = 100;
const never = 600_000;
const hurried = { timeout: { requestTimeoutMs: SOON_MS } };

function startHurried(policies: Partial<RoutePolicies> = hurried, options: BedOptions = {}) {
  return startProxy({
    routes: ({ host: hostOverride }) => [route({ policies, backends: [ai({ hostOverride })] })],
    ...options,
  });
}

/** Before a provider that answers as it is told. */
async function startBefore(answer: (response: ServerResponse) => void, policies?: Partial<RoutePolicies>) {
  const address = await startUpstream(answer);
  const routes = () => [route({ policies: policies ?? hurried, backends: [ai({ hostOverride: address })] })];
  return startProxy({ routes, healingTimeouts: { openingMs: never, errorBodyMs: never, renewMs: never } });
}

function codeOf({ body }: RawResponse): unknown {
  return JSON.parse(body.toString()).error.code;
}

describe("requestTimeout holds", () => {
  test("while a body arrives that must be read, and nothing leaves", async () => {
    const bed = await startHurried();
    const client = await bed.connect();
    client.send(`POST ${chatPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{`);
    const answer = await client.response();
    expect([answer.status, codeOf(answer)]).toEqual([504, "request_timeout"]);
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test("while a body arrives that is relayed unread, and the call is given up", async () => {
    const bed = await startHurried();
    const client = await bed.connect();
    client.send("POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").send("{".repeat(70_000));
    const answer = await client.response();
    expect([answer.status, codeOf(answer)]).toEqual([504, "request_timeout"]);
    expect((await bed.upstream.waitForAbort()).bodyComplete).toBe(false);
  });

  test("while so little of a body has come that no provider has been asked", async () => {
    const bed = await startHurried();
    const client = await bed.connect();
    client.send("POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
    const answer = await client.response();
    expect([answer.status, codeOf(answer)]).toEqual([504, "request_timeout"]);
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test("while a refused key's source is asked for a newer version: the refusal is the answer", async () => {
    const key = testKey("main", "sk-the-oldest-of-them");
    key.hold();
    const bed = await startHurried(hurried, {
      simulator: { keys: [] },
      credentials: { key: testRing([key]).credential },
      healingTimeouts: { renewMs: never },
    });
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([502, "upstream_credentials_rejected"]);
    expect(key.refreshes).toBe(1);
  });

  test("while a request waits for a connection, and it is never sent", async () => {
    const bed = await startProxy({
      routes: ({ host: hostOverride }) => [
        route({ matches: [match({ path: { pathPrefix: "/v1/chat" } })], backends: [ai({ hostOverride })] }),
        route({ policies: hurried, backends: [ai({ hostOverride })] }),
      ],
      dispatcher: ({ url }) => new Pool(url, { connections: 1, pipelining: 1 }),
    });
    bed.upstream.fault({ kind: "stall-before-head" });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await bed.upstream.waitForRequest();
    expect(codeOf(await bed.send({ path: "/v1/models" }))).toBe("request_timeout");
    expect(bed.upstream.requests).toHaveLength(1);
    client.close();
  });

  test.each([
    ["requestTimeout", { requestTimeoutMs: SOON_MS }, "request_timeout"],
    ["backendRequestTimeout", { backendRequestTimeoutMs: SOON_MS }, "upstream_timeout"],
  ])("until the first byte of an answer has come, its head or not: %s", async (_, timeout, code) => {
    const heads: string[] = [];
    const bed = await startBefore((response) => {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      response.on("close", () => void heads.push("closed"));
    }, { timeout }); // prettier-ignore
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([504, code]);
    await expect.poll(() => heads).toEqual(["closed"]);
  });

  test("while the body of an error comes: its status is the answer", async () => {
    const bed = await startBefore((response) => void response.writeHead(503).write('{"error":'));
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([503, "upstream_error"]);
  });

  test("while a stream is held back before its content: it begins", async () => {
    const role = 'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n';
    const bed = await startBefore((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(role);
    });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    expect(await client.take("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    expect(await client.take(role)).toBeDefined();
    client.close();
  });
});

test("an answer that has begun may take as long as it likes", async () => {
  const timeout = { requestTimeoutMs: 400, backendRequestTimeoutMs: 300 };
  const bed = await startHurried({ timeout }, { simulator: { events: 30, delayMs: 20 } });
  expect(await bed.chat({ stream: true })).toMatchObject({ status: 200, complete: true });
  expect((await bed.nextRecord()).durationMs).toBeGreaterThan(400);
});
