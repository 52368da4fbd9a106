import { type APIError, AuthenticationError, type ClientOptions, type OpenAI } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import { CLIENT_KEY, openaiClient } from "./openai-client.ts";
import {
  keyedRoute,
  passthroughRoute,
  PROVIDER_KEY,
  startAimockProvider,
  startSimulatedProvider,
  strictRoute,
  type Provider,
  type SimulatedProvider,
} from "./providers.ts";

const ALICE = "kb-alice-0123456789abcdef";
/** What a caller may have about it that is a credential, or tells whose it is. */
const leaks = {
  "proxy-authorization": "Basic Y2xpZW50OnNlY3JldA==",
  "x-api-key": "leak-x-api-key",
  "api-key": "leak-api-key",
  "x-goog-api-key": "leak-goog",
  cookie: "session=leak-cookie",
  "openai-organization": "org-leak",
  "openai-project": "proj_leak",
};
const question = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "hello" }] };

let provider: SimulatedProvider;
let aimock: Provider;
let gateway: GatewayProcess;

/** Answers with the text of a chat completion. */
async function ask(client: OpenAI): Promise<string | null | undefined> {
  const { choices } = await client.chat.completions.create(question);
  return choices[0]?.message.content;
}

beforeAll(async () => {
  [provider, aimock] = await Promise.all([startSimulatedProvider(), startAimockProvider()]);
  const routes = [provider, aimock].flatMap(({ host }) => [
    keyedRoute(host),
    passthroughRoute(host),
    strictRoute(host, ALICE),
  ]);
  gateway = await startGateway(...routes);
});
afterEach(() => provider.simulator.clear());
afterAll(async () => {
  await gateway?.stop();
  await provider?.close();
  await aimock?.close();
});

describe.each([
  { name: "the simulator", first: 0 },
  { name: "aimock", first: 3 },
])("with $name", ({ first }) => {
  const keyed = (options?: ClientOptions) => openaiClient(gateway.urls[first], options);
  const passing = (options?: ClientOptions) => openaiClient(gateway.urls[first + 1], options);
  const strict = (options?: ClientOptions) => openaiClient(gateway.urls[first + 2], options);

  test("a configured key answers for a client whose own means nothing", async () => {
    expect(await ask(keyed())).toBe("You said: hello");
  });

  test("no credential that the client has about it gets in the way of the configured one", async () => {
    const client = keyed({ defaultHeaders: leaks, defaultQuery: { key: "leak-query" } });
    expect(await ask(client)).toBe("You said: hello");
  });

  test("passthrough: the client's own key is the provider's", async () => {
    expect(await ask(passing({ apiKey: PROVIDER_KEY }))).toBe("You said: hello");
    await expect(ask(passing({ apiKey: "sk-someone-else" }))).rejects.toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
  });

  test("passthrough: no key is 401", async () => {
    const client = passing({ defaultHeaders: { authorization: null } });
    const error: unknown = await ask(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: "caller_token_missing", requestID: expect.stringMatching(/./) });
  });

  test("client keys: the client's key is the gateway's, and opens the route", async () => {
    expect(await ask(strict({ apiKey: ALICE }))).toBe("You said: hello");
  });

  test.each([
    ["none", { defaultHeaders: { authorization: null } }, "client_key_missing"],
    ["a wrong one", { apiKey: "kb-mallory-0123456789abcdef" }, "client_key_invalid"],
    ["the provider's own", { apiKey: PROVIDER_KEY }, "client_key_invalid"],
  ])("client keys: %s is 401, and no call is made", async (_, options, code) => {
    const error: unknown = await ask(strict(options)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code, requestID: expect.stringMatching(/./) });
    expect((error as APIError).headers?.get("www-authenticate")).toMatch(/^Bearer/);
    expect(provider.simulator.requests).toEqual([]);
  });
});

describe("what the provider received", () => {
  /** All of the only request, as it came. */
  function received(): string {
    const [request] = provider.simulator.requests;
    return [request?.path, request?.query, ...(request?.rawHeaders ?? []), String(request?.body)].join("\n");
  }

  test("is the configured key once, and no credential of the client's", async () => {
    await ask(openaiClient(gateway.urls[0], { defaultHeaders: leaks, defaultQuery: { key: "leak-query" } }));
    expect(provider.simulator.requests).toHaveLength(1);
    expect(provider.simulator.requests[0]?.headers["authorization"]).toBe(`Bearer ${PROVIDER_KEY}`);
    expect(received().split(PROVIDER_KEY)).toHaveLength(2);
    for (const value of [CLIENT_KEY, "leak-query", ...Object.values(leaks)]) expect(received()).not.toContain(value);
  });

  test("is the caller's token where it is passed on, and nothing else of theirs", async () => {
    const client = openaiClient(gateway.urls[1], { apiKey: PROVIDER_KEY, defaultHeaders: leaks });
    await ask(client);
    expect(received().split(PROVIDER_KEY)).toHaveLength(2);
    for (const value of Object.values(leaks)) expect(received()).not.toContain(value);
  });

  test("is the configured key and not the client's key of the gateway", async () => {
    await ask(openaiClient(gateway.urls[2], { apiKey: ALICE }));
    expect(provider.simulator.requests[0]?.headers["authorization"]).toBe(`Bearer ${PROVIDER_KEY}`);
    expect(received()).not.toContain(ALICE);
  });
});
