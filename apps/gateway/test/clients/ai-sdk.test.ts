import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, embed, embedMany, generateText, isStepCount, streamText, tool } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import { CLIENT_KEY, collect } from "./openai-client.ts";
import { keyedRoute, providers, startSimulatedProvider, type Provider, type SimulatedProvider } from "./providers.ts";

const prompt = "good morning to you";
const answer = "You said: good morning to you";

/** What the model asked the tool. */
const cities: string[] = [];
const tools = {
  weather: tool({
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.enum(["Paris"]) }),
    execute: ({ city }) => {
      cities.push(city);
      return `rain in ${city}`;
    },
  }),
};

describe.each(providers)("the AI SDK, of which only the base URL was changed, with $name", ({ start }) => {
  let provider: Provider;
  let gateway: GatewayProcess;
  let openai: ReturnType<typeof createOpenAI>;

  beforeAll(async () => {
    provider = await start();
    gateway = await startGateway(keyedRoute(provider.host));
    openai = createOpenAI({ baseURL: `${gateway.urls[0]}/v1`, apiKey: CLIENT_KEY });
  });
  afterAll(async () => {
    await gateway?.stop();
    await provider?.close();
  });

  describe.each([
    ["responses, its default,", () => openai("gpt-4o-mini")],
    ["chat completions", () => openai.chat("gpt-4o-mini")],
  ])("by %s", (_, model) => {
    test("generates a text, and knows its usage", async () => {
      const { text, finishReason, usage } = await generateText({ model: model(), prompt, maxRetries: 0 });
      expect(text).toBe(answer);
      expect(finishReason).toBe("stop");
      expect(usage.totalTokens).toBeGreaterThan(0);
    });

    test("streams a text, and knows its usage", async () => {
      const result = streamText({ model: model(), prompt, maxRetries: 0 });
      const pieces = await collect(result.textStream);
      expect(pieces.length).toBeGreaterThan(2);
      expect(pieces.join("")).toBe(answer);
      expect((await result.usage).totalTokens).toBeGreaterThan(0);
    });

    test("uses a tool over two steps", async () => {
      cities.length = 0;
      const { text, steps } = await generateText({
        model: model(),
        prompt,
        tools,
        stopWhen: isStepCount(2),
        maxRetries: 0,
      });
      expect(text).toContain("rain in Paris");
      expect(steps).toHaveLength(2);
      expect(cities).toEqual(["Paris"]);
    });

    test("uses a tool over two steps, streaming", async () => {
      cities.length = 0;
      const result = streamText({ model: model(), prompt, tools, stopWhen: isStepCount(2), maxRetries: 0 });
      expect((await collect(result.textStream)).join("")).toContain("rain in Paris");
      expect(cities).toEqual(["Paris"]);
    });
  });

  test("embeds one text, and several", async () => {
    const model = openai.embedding("text-embedding-3-small");
    const one = await embed({ model, value: "one", maxRetries: 0 });
    expect(one.embedding.length).toBeGreaterThan(0);
    const { embeddings } = await embedMany({ model, values: ["one", "two"], maxRetries: 0 });
    expect(embeddings).toHaveLength(2);
    expect(embeddings[0]).toEqual(one.embedding);
  });
});

describe("the AI SDK", () => {
  let provider: SimulatedProvider;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    provider = await startSimulatedProvider();
    gateway = await startGateway(keyedRoute(provider.host, "configured-model"));
  });
  afterAll(async () => {
    await gateway?.stop();
    await provider?.close();
  });

  test("reads the gateway's errors", async () => {
    const openai = createOpenAI({ baseURL: `${gateway.urls[0]}/v1/nowhere`, apiKey: CLIENT_KEY });
    const error: unknown = await generateText({ model: openai("gpt-4o-mini"), prompt, maxRetries: 0 }).catch(
      (reason: unknown) => reason,
    );
    if (!APICallError.isInstance(error)) throw error;
    expect(error.statusCode).toBe(404);
    expect(error.data).toMatchObject({ error: { code: "path_not_supported" } });
  });

  test("gets the model that the config names, and the provider gets the configured key alone", async () => {
    const openai = createOpenAI({ baseURL: `${gateway.urls[0]}/v1`, apiKey: CLIENT_KEY, organization: "org-leak" });
    const { response } = await generateText({ model: openai("gpt-4o-mini"), prompt, maxRetries: 0 });
    expect(response.modelId).toBe("configured-model");
    expect(provider.modelsSeen()).toEqual(["configured-model"]);
    const received = provider.simulator.requests.flatMap(({ rawHeaders }) => rawHeaders).join("\n");
    expect(received).not.toContain(CLIENT_KEY);
    expect(received).not.toContain("org-leak");
  });

  test("that leaves takes the provider's call with it", async () => {
    const openai = createOpenAI({ baseURL: `${gateway.urls[0]}/v1`, apiKey: CLIENT_KEY });
    const controller = new AbortController();
    const { textStream } = streamText({
      model: openai.chat("gpt-4o-mini"),
      prompt,
      headers: { "x-simulate": "events=1000000" },
      abortSignal: controller.signal,
      maxRetries: 0,
    });
    for await (const _ of textStream) controller.abort();
    expect(await provider.simulator.waitForAbort()).toMatchObject({ path: "/v1/chat/completions", answered: false });
  });
});
