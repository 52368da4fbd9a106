import { createHash } from "node:crypto";
import { toFile, type OpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import { collect, openaiClient } from "./openai-client.ts";
import { keyedRoute, providers, startSimulatedProvider, type Provider } from "./providers.ts";

const model = "gpt-4o-mini";
const messages = [{ role: "user" as const, content: "good morning to you" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris"] } },
  required: ["city"],
  additionalProperties: false,
};
const weather = { name: "get_weather", description: "The weather in a city.", parameters };

/** What a call of the tool gets as its arguments, and what it answers. */
const reports: string[] = [];
const report = ({ city }: { city: string }): string => {
  reports.push(city);
  return `rain in ${city}`;
};

describe.each(providers)("the official openai client, of which only the base URL was changed, with $name", (given) => {
  let provider: Provider;
  let gateway: GatewayProcess;
  let client: OpenAI;
  /** On a route whose config names a model. */
  let overridden: OpenAI;

  beforeAll(async () => {
    provider = await given.start();
    gateway = await startGateway(keyedRoute(provider.host), keyedRoute(provider.host, "configured-model"));
    client = openaiClient(gateway.urls[0]);
    overridden = openaiClient(gateway.urls[1]);
  });
  afterAll(async () => {
    await gateway?.stop();
    await provider?.close();
  });

  test("gets a chat completion, its usage and the request's id", async () => {
    const { data, request_id } = await client.chat.completions.create({ model, messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe("You said: good morning to you");
    expect(data.choices[0]?.finish_reason).toBe("stop");
    expect(data.usage?.total_tokens).toBeGreaterThan(0);
    expect(request_id).toBeTruthy();
  });

  test("gets a chat completion piece by piece", async () => {
    const chunks = await collect(await client.chat.completions.create({ model, messages, stream: true }));
    const pieces = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").filter((piece) => piece !== "");
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join("")).toBe("You said: good morning to you");
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  test("sees no chunk of usage that it did not ask for", async () => {
    const chunks = await collect(await client.chat.completions.create({ model, messages, stream: true }));
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    expect(chunks.some(({ usage }) => usage)).toBe(false);
  });

  test("gets one last chunk of usage where it asked for it", async () => {
    const stream_options = { include_usage: true };
    const chunks = await collect(
      await client.chat.completions.create({ model, messages, stream: true, stream_options }),
    );
    expect(chunks.filter(({ usage }) => usage)).toEqual([chunks.at(-1)]);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
  });

  test("uses a tool over two turns", async () => {
    const tools = [{ type: "function" as const, function: weather }];
    const asked = await client.chat.completions.create({ model, messages, tools });
    const turn = asked.choices[0]!.message;
    expect(asked.choices[0]?.finish_reason).toBe("tool_calls");
    const [call] = turn.tool_calls!;
    if (call?.type !== "function") throw new Error("expected the call of a function");
    expect([call.function.name, call.function.arguments]).toEqual(["get_weather", '{"city":"Paris"}']);

    const result = { role: "tool" as const, tool_call_id: call.id, content: "rain in Paris" };
    const told = await client.chat.completions.create({ model, messages: [...messages, turn, result], tools });
    expect(told.choices[0]?.message.content).toBe("The tool said: rain in Paris");
  });

  test.each([false, true])("runs tools by itself (stream: %s)", async (stream) => {
    reports.length = 0;
    const tool = { type: "function" as const, function: { ...weather, function: report, parse: JSON.parse } };
    const body = { model, messages, tools: [tool] };
    const runner = stream
      ? client.chat.completions.runTools({ ...body, stream: true })
      : client.chat.completions.runTools({ ...body, stream: false });
    expect(await runner.finalContent()).toBe("The tool said: rain in Paris");
    expect(reports).toEqual(["Paris"]);
  });

  test("gets a response", async () => {
    const response = await client.responses.create({ model, input: "good morning to you" });
    expect(response.status).toBe("completed");
    expect(response.output_text).toBe("You said: good morning to you");
    expect(response.usage?.total_tokens).toBeGreaterThan(0);
  });

  test("gets a response event by event", async () => {
    const stream = await client.responses.create({ model, input: "good morning to you", stream: true });
    const events = await collect(stream);
    const deltas = events.filter((event) => event.type === "response.output_text.delta").map(({ delta }) => delta);
    expect(deltas.length).toBeGreaterThan(2);
    expect(deltas.join("")).toBe("You said: good morning to you");
    expect(events[0]?.type).toBe("response.created");
    expect(events.at(-1)?.type).toBe("response.completed");
  });

  test("uses a tool of the responses API over two turns", async () => {
    const tools = [{ ...weather, type: "function" as const, strict: true }];
    const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "what is the weather?" }];
    const asked = await client.responses.create({ model, input, tools });
    const call = asked.output.find((item) => item.type === "function_call")!;
    expect([call.name, call.arguments]).toEqual(["get_weather", '{"city":"Paris"}']);
    const output = { type: "function_call_output" as const, call_id: call.call_id, output: "rain in Paris" };
    const told = await client.responses.create({ model, input: [...input, call, output], tools });
    expect(told.output_text).toBe("The tool said: rain in Paris");
  });

  test("gets embeddings as numbers, several at once", async () => {
    const { data } = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
    expect(data.map(({ index }) => index)).toEqual([0, 1]);
    expect(data[0]?.embedding.every(Number.isFinite)).toBe(true);
  });

  test("lists the models", async () => {
    const models = await collect(client.models.list());
    expect(models.map(({ id }) => id)).toContain("gpt-4o");
  });

  test("uploads a file and gets its bytes back", async () => {
    const sent = await client.files.create({ file: await toFile(everyByte, "every byte.bin"), purpose: "user_data" });
    expect(sent).toMatchObject({ object: "file", filename: "every byte.bin", bytes: everyByte.length });
    const content = await client.files.content(sent.id);
    expect(Buffer.from(await content.arrayBuffer()).equals(everyByte)).toBe(true);
    expect(await client.files.delete(sent.id)).toMatchObject({ deleted: true });
  });

  describe("on a route whose config names a model", () => {
    /** The model that the provider saw in the request that `call` makes. */
    async function modelSeen(call: (with_: OpenAI) => PromiseLike<unknown>): Promise<string | undefined> {
      await call(overridden);
      return provider.modelsSeen().at(-1);
    }

    test.each([
      ["a chat completion", (on: OpenAI) => on.chat.completions.create({ model, messages })],
      [
        "a chat completion in pieces",
        async (on: OpenAI) => collect(await on.chat.completions.create({ model, messages, stream: true })),
      ],
      ["a response", (on: OpenAI) => on.responses.create({ model, input: "hello" })],
      ["an embedding", (on: OpenAI) => on.embeddings.create({ model, input: "hello", encoding_format: "float" })],
      [
        "a transcription, whose body is multipart",
        async (on: OpenAI) => on.audio.transcriptions.create({ model, file: await toFile(someSound, "a.wav") }),
      ],
      [
        "the edit of an image, whose body is multipart",
        async (on: OpenAI) => on.images.edit({ model, prompt: "a cat", image: await toFile(somePicture, "a.png") }),
      ],
    ])("the provider is asked for that one: %s", async (_, call) => {
      expect(await modelSeen(call)).toBe("configured-model");
    });
  });
});

describe("the official openai client with the simulator, in what aimock does not do,", () => {
  let provider: Provider;
  let gateway: GatewayProcess;
  let client: OpenAI;
  let overridden: OpenAI;

  beforeAll(async () => {
    provider = await startSimulatedProvider();
    gateway = await startGateway(keyedRoute(provider.host), keyedRoute(provider.host, "configured-model"));
    client = openaiClient(gateway.urls[0]);
    overridden = openaiClient(gateway.urls[1]);
  });
  afterAll(async () => {
    await gateway?.stop();
    await provider?.close();
  });

  test("gets the same embedding as numbers, as base64, and as numbers that it made of base64", async () => {
    const embedding = async (encoding_format?: "float" | "base64"): Promise<unknown> => {
      const format = encoding_format && { encoding_format };
      const { data } = await client.embeddings.create({ model, input: "one", dimensions: 8, ...format });
      return data[0]?.embedding;
    };
    const numbers = await embedding("float");
    expect(numbers).toHaveLength(8);
    expect(await embedding()).toEqual(numbers);
    const base64 = Buffer.from(String(await embedding("base64")), "base64");
    expect(Array.from({ length: 8 }, (_, index) => base64.readFloatLE(index * 4))).toEqual(numbers);
  });

  test("gets one model, and the provider's own error for one that there is not", async () => {
    expect(await client.models.retrieve("gpt-4o")).toMatchObject({ id: "gpt-4o", object: "model" });
    await expect(client.models.retrieve("no/such model")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });

  test("uploads a file whose every byte arrives, though the model beside it is replaced", async () => {
    const file = await toFile(everyByte, "a.wav");
    const heard = await overridden.audio.transcriptions.create({ model: "whisper-1", language: "en", file });
    const sha256 = createHash("sha256").update(everyByte).digest("hex");
    expect(heard).toMatchObject({ model: "configured-model", files: [{ filename: "a.wav", sha256 }] });
  });
});

/** Every byte there is, among them the line ends and dashes that frame a part. */
const everyByte = Buffer.concat([
  Buffer.from("\r\n--boundary\r\n"),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
]);
const someSound = Buffer.from("RIFF sound with\r\n line ends");
const somePicture = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
