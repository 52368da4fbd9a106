import {
  APIError,
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
  type OpenAI,
} from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import { collect, openaiClient } from "./openai-client.ts";
import {
  keyedRoute,
  PROVIDER_KEY,
  startAimockProvider,
  startSimulatedProvider,
  type Provider,
  type SimulatedProvider,
} from "./providers.ts";

const MEBIBYTE = 1024 * 1024;
const model = "gpt-4o-mini";
const saying = (content: string) => ({ model, messages: [{ role: "user" as const, content }] });

let provider: SimulatedProvider;
let aimock: Provider;
let gateway: GatewayProcess;
let client: OpenAI;

beforeAll(async () => {
  [provider, aimock] = await Promise.all([startSimulatedProvider(), startAimockProvider()]);
  gateway = await startGateway(keyedRoute(provider.host), keyedRoute(aimock.host));
  client = openaiClient(gateway.urls[0]);
});
afterEach(() => provider.simulator.clear());
afterAll(async () => {
  await gateway?.stop();
  await provider?.close();
  await aimock?.close();
});

/** What the client throws. A promise that is kept is a failure of the test. */
async function thrown(promise: PromiseLike<unknown>): Promise<APIError> {
  const error: unknown = await Promise.resolve(promise).then(
    () => expect.unreachable("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof APIError)) throw error;
  return error;
}

describe("a client that leaves takes the provider's call with it:", () => {
  test("by its AbortController, in mid-stream", async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { ...saying("a long story"), stream: true },
      { signal: controller.signal, headers: { "x-simulate": "events=1000000" } },
    );
    let seen = 0;
    for await (const _ of stream) if (++seen === 3) controller.abort();
    const request = await provider.simulator.waitForAbort();
    expect(request).toMatchObject({ path: "/v1/chat/completions", answered: false });
    expect(request.eventsSent).toBeLessThan(1_000_000);
  });

  test("by leaving the loop", async () => {
    const stream = await client.responses.create(
      { model, input: "a long story", stream: true },
      { headers: { "x-simulate": "events=1000000" } },
    );
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    expect(await provider.simulator.waitForAbort()).toMatchObject({ path: "/v1/responses" });
  });

  test("before the answer's first byte", async () => {
    provider.simulator.fault({ kind: "stall-before-head" });
    const controller = new AbortController();
    const answer = thrown(client.chat.completions.create(saying("hello"), { signal: controller.signal }));
    await provider.simulator.waitForRequest();
    controller.abort();
    expect(await answer).toBeInstanceOf(APIUserAbortError);
    expect(await provider.simulator.waitForAbort()).toMatchObject({ eventsSent: 0 });
  });
});

describe("an answer that breaks off is an error, never a short answer that looks whole:", () => {
  test("from the simulator", async () => {
    provider.simulator.fault({ kind: "reset-after-events", afterEvents: 3 });
    const stream = await client.chat.completions.create({ ...saying("one two three four"), stream: true });
    const error = await thrown(collect(stream));
    expect(error).toMatchObject({ code: "upstream_broken", type: "server_error" });
  });

  test("to a request of the Responses API", async () => {
    provider.simulator.fault({ kind: "reset-after-events", afterEvents: 6 });
    const stream = await client.responses.create({ model: "gpt-4o-mini", input: "one two three four", stream: true });
    expect(await thrown(collect(stream))).toMatchObject({ code: "upstream_broken", type: "server_error" });
  });

  test("from aimock", async () => {
    const stream = await openaiClient(gateway.urls[1]).chat.completions.create({
      ...saying("what will be broken off"),
      stream: true,
    });
    expect(await thrown(collect(stream))).toMatchObject({ code: "upstream_broken", type: "server_error" });
  });
});

describe("the gateway's own errors are the client's own classes, with code and request id:", () => {
  test("404 for a path that is no inference call", async () => {
    const error = await thrown(client.get("/organization/users"));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "path_not_supported", type: "invalid_request_error" });
    expect(error.requestID).toBeTruthy();
    expect(error.message).toContain(error.requestID);
    expect(provider.simulator.requests).toEqual([]);
  });

  test("400 for a body that is no JSON", async () => {
    const error = await thrown(client.post("/chat/completions", { body: Buffer.from("{"), ...asJson }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: "invalid_json" });
    expect(error.requestID).toBeTruthy();
    expect(provider.simulator.requests).toEqual([]);
  });

  test("413 for a body that is too large", async () => {
    const error = await thrown(client.chat.completions.create(saying("x".repeat(33 * MEBIBYTE))));
    expect(error).toMatchObject({ status: 413, code: "request_too_large" });
    expect(error.requestID).toBeTruthy();
    expect(provider.simulator.requests).toEqual([]);
  });

  test("415 for a body whose encoding is unknown", async () => {
    const headers = { "content-encoding": "shorthand" };
    const error = await thrown(client.chat.completions.create(saying("hello"), { headers }));
    expect(error).toMatchObject({ status: 415, code: "unsupported_content_encoding" });
  });

  test("503 while the provider is down, and the next call after it is back succeeds", async () => {
    provider.simulator.refuseConnections();
    const error = await thrown(client.chat.completions.create(saying("hello")));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 503, code: "upstream_unreachable", type: "server_error" });
    expect(error.headers?.get("content-type")).toContain("application/json");
    expect(error.requestID).toBeTruthy();

    await provider.simulator.acceptConnections();
    const { choices } = await client.chat.completions.create(saying("hello"));
    expect(choices[0]?.message.content).toBe("You said: hello");
  });

  test("502 where the provider hangs up", async () => {
    provider.simulator.fault({ kind: "reset-before-head" });
    const answer = client.chat.completions.create(saying("hello"));
    expect(await thrown(answer)).toMatchObject({ status: 502, code: "upstream_closed" });
  });
});

describe("the provider's own errors:", () => {
  test("a retry of the client's own succeeds", async () => {
    provider.simulator.fault({ kind: "status", status: 503, headers: { "retry-after-ms": "1" } });
    const patient = openaiClient(gateway.urls[0], { maxRetries: 1 });
    const { choices } = await patient.chat.completions.create(saying("hello"));
    expect(choices[0]?.message.content).toBe("You said: hello");
    expect(provider.simulator.requests).toHaveLength(2);
  });

  // What these teach of a key would be in the way of the other tests.
  describe("with a key of its own", () => {
    let own: GatewayProcess;
    beforeAll(async () => {
      own = await startGateway(keyedRoute(provider.host));
    });
    afterAll(() => own?.stop());

    test("a rate limit arrives with the time to wait, and the next request is not sent", async () => {
      provider.simulator.fault({ kind: "status", status: 429, retryAfterSeconds: 7 });
      const [first, second] = [
        await thrown(openaiClient(own.urls[0]).chat.completions.create(saying("hello"))),
        await thrown(openaiClient(own.urls[0]).chat.completions.create(saying("hello"))),
      ];
      expect(first).toBeInstanceOf(RateLimitError);
      expect(first.headers?.get("retry-after")).toBe("7");
      expect(second).toBeInstanceOf(RateLimitError);
      expect(second.code).toBe("keys_cooling");
      expect(provider.simulator.requests).toHaveLength(1);
    });
  });

  test("a key of ours that the provider does not take is no fault of the caller's", async () => {
    const own = await startGateway(keyedRoute(provider.host));
    provider.simulator.setKeys(["another"]);
    const error = await thrown(openaiClient(own.urls[0]).chat.completions.create(saying("hello")));
    provider.simulator.setKeys([PROVIDER_KEY]);
    await own.stop();
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "upstream_credentials_rejected" });
    expect(JSON.stringify([error.message, error.error])).not.toContain(PROVIDER_KEY.slice(0, 8));
  });
});

const asJson = { headers: { "content-type": "application/json" } };
