import { createHash } from "node:crypto";
import { Agent, get } from "node:http";
import OpenAI, { toFile } from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SimulatorError, startSimulator, type Simulator, type SimulatorOptions } from "./index.ts";

const KEY = "sk-simulated-0123456789abcdef";
let upstream: Simulator;
let client: OpenAI;

const running: Simulator[] = [];

async function started(options: SimulatorOptions): Promise<Simulator> {
  const simulator = await startSimulator(options);
  running.push(simulator);
  return simulator;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function json<T>(response: Response): Promise<T> {
  return JSON.parse(await response.text());
}

beforeEach(async () => {
  upstream = await started({ keys: [KEY] });
  client = new OpenAI({ apiKey: KEY, baseURL: `${upstream.origin}/v1`, maxRetries: 0 });
});
afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.close();
});

const weather = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 2 }, unit: { enum: ["C", "F"] } },
};

describe("the official openai client", () => {
  test("gets a chat completion that echoes what it said, with usage", async () => {
    const { data, request_id } = await client.chat.completions
      .create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "good morning to you" }] })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("You said: good morning to you");
    expect(data.choices[0]?.finish_reason).toBe("stop");
    expect(data.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
    expect(request_id).toMatch(/^req_/);
    expect(upstream.requests[0]).toMatchObject({ method: "POST", path: "/v1/chat/completions", key: KEY });
    expect(upstream.keysSeen).toEqual([KEY]);
  });

  test("gets n choices, cut at max_tokens", async () => {
    const messages = [{ role: "user" as const, content: "one two three" }];
    const chat = await client.chat.completions.create({ model: "m", messages, n: 3, max_tokens: 2 });
    expect(chat.choices.map((choice) => [choice.index, choice.message.content, choice.finish_reason])).toEqual(
      [0, 1, 2].map((index) => [index, "You said:", "length"]),
    );
  });

  test("streams piece by piece, with usage only when it asks", async () => {
    const messages = [{ role: "user" as const, content: "hello there" }];
    const asked = await client.chat.completions.create({
      model: "m",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const withUsage = await collect(asked);
    expect(withUsage.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("You said: hello there");
    expect(withUsage.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(withUsage.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } });

    const plain = await collect(await client.chat.completions.create({ model: "m", messages, stream: true }));
    expect(plain.some((chunk) => "usage" in chunk || chunk.choices.length === 0)).toBe(false);
  });

  test.each([false, true])("calls a tool, then answers with what the tool said (stream: %s)", async (stream) => {
    const tools = [{ type: "function" as const, function: { name: "weather", parameters: weather } }];
    const question = { role: "user" as const, content: "weather?" };
    const params = { model: "m", messages: [question], tools };
    const first = stream
      ? await client.chat.completions.stream(params).finalChatCompletion()
      : await client.chat.completions.create(params);
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    const call = message.tool_calls![0]!;
    expect(call).toMatchObject({ type: "function", function: { name: "weather" } });
    expect(call.type === "function" && JSON.parse(call.function.arguments)).toEqual({
      city: "simulated city",
      days: 2,
      unit: "C",
    });
    const second = await client.chat.completions.create({
      ...params,
      messages: [question, message, { role: "tool", tool_call_id: call.id, content: "rain" }],
    });
    expect(second.choices[0]?.message.content).toBe("The tool said: rain");
  });

  test("gets a response, streams one, and gets it again by its id", async () => {
    const whole = await client.responses.create({ model: "m", input: "hi", instructions: "be brief" });
    expect(whole.output_text).toBe("You said: hi");
    expect(whole.usage).toMatchObject({ input_tokens: 3, output_tokens: 3, total_tokens: 6 });
    expect((await client.responses.retrieve(whole.id)).output).toEqual(whole.output);

    const streamed = await collect(await client.responses.create({ model: "m", input: "hi", stream: true }));
    expect(streamed[0]?.type).toBe("response.created");
    expect(streamed.map((event) => event.sequence_number)).toEqual(streamed.map((_, index) => index));
    expect(streamed.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta)).toEqual(
      ["You", " said:", " hi"],
    );
    const last = streamed.at(-1);
    expect(last?.type === "response.completed" && last.response.usage?.output_tokens).toBe(3);
  });

  test("goes on from its own responses, and with another key from none of them, as another account", async () => {
    upstream.addKey("sk-another-0123456789abcdef");
    const other = new OpenAI({ baseURL: client.baseURL, apiKey: "sk-another-0123456789abcdef", maxRetries: 0 });
    const { id } = await client.responses.create({ model: "m", input: "hi" });
    const next = { model: "m", input: "and?", previous_response_id: id };
    expect((await client.responses.create(next)).previous_response_id).toBe(id);
    await expect(other.responses.create(next)).rejects.toMatchObject({
      status: 400,
      code: "previous_response_not_found",
    });
    await expect(other.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(other.responses.delete(id)).rejects.toMatchObject({ status: 404 });
    expect((await client.responses.retrieve(id)).id).toBe(id);
  });

  test("gets a function call from the responses API, and text after its output", async () => {
    const tools = [{ type: "function" as const, name: "weather", parameters: weather, strict: false }];
    const stream = client.responses.stream({ model: "m", input: [{ role: "user", content: "?" }], tools });
    const [call] = (await stream.finalResponse()).output;
    expect(call).toMatchObject({ type: "function_call", name: "weather" });
    if (call?.type !== "function_call") throw new Error("no function call");
    const input = [call, { type: "function_call_output" as const, call_id: call.call_id, output: "sun" }];
    expect((await client.responses.create({ model: "m", input, tools })).output_text).toBe("The tool said: sun");
  });

  test("gets the same unit vector as floats and as base64", async () => {
    const decoded = await client.embeddings.create({ model: "e", input: ["a", "b"], dimensions: 8 });
    const floats = await client.embeddings.create({
      model: "e",
      input: ["a", "b"],
      dimensions: 8,
      encoding_format: "float",
    });
    expect(decoded.data).toHaveLength(2);
    expect(Math.hypot(...floats.data[0]!.embedding)).toBeCloseTo(1);
    expect(decoded.data.map((item) => [...item.embedding])).toEqual(floats.data.map((item) => item.embedding));
    expect(floats.data[0]?.embedding).not.toEqual(floats.data[1]?.embedding);
  });

  test("lists models, gets one, and is told of one that is not there", async () => {
    const list = await collect(await client.models.list());
    expect(list.map((model) => model.id)).toContain("gpt-4o-mini");
    expect((await client.models.retrieve("gpt-4o-mini")).id).toBe("gpt-4o-mini");
    await expect(client.models.retrieve("gpt-0")).rejects.toMatchObject({ status: 404, code: "model_not_found" });
  });

  test("uploads a file, gets it back byte for byte, makes a batch of it, and deletes it", async () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 256));
    const file = await client.files.create({ file: await toFile(bytes, "in.jsonl"), purpose: "batch" });
    expect(file).toMatchObject({ bytes: 3000, filename: "in.jsonl", purpose: "batch" });
    const content = await client.files.content(file.id);
    expect(Buffer.from(await content.arrayBuffer())).toEqual(bytes);
    expect((await collect(await client.files.list())).map(({ id }) => id)).toEqual([file.id]);
    const batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    expect((await client.batches.cancel(batch.id)).status).toBe("cancelled");
    expect((await client.files.delete(file.id)).deleted).toBe(true);
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  });

  test("learns of an uploaded image and recording what arrived", async () => {
    const bytes = Buffer.from("\u0000\r\n--x\r\n binary");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const edit = await client.images.edit({ model: "i", image: await toFile(bytes, "a.png"), prompt: "p" });
    expect(edit).toMatchObject({
      model: "i",
      files: [{ field: "image", filename: "a.png", bytes: bytes.length, sha256 }],
    });
    const heard = await client.audio.transcriptions.create({ model: "w", file: await toFile(bytes, "a.wav") });
    expect(heard).toMatchObject({ model: "w", files: [{ sha256 }], text: expect.stringContaining("a.wav") });
  });

  test("gets speech, images, moderations and legacy completions", async () => {
    const speech = await client.audio.speech.create({ model: "s", voice: "alloy", input: "x", response_format: "wav" });
    expect(speech.headers.get("content-type")).toBe("audio/wav");
    expect((await speech.arrayBuffer()).byteLength).toBe(2048);
    expect((await client.images.generate({ prompt: "p", n: 2 })).data).toHaveLength(2);
    expect((await client.moderations.create({ input: ["fine", "flagged"] })).results.map((r) => r.flagged)).toEqual([
      false,
      true,
    ]);
    const whole = await client.completions.create({ model: "c", prompt: "x" });
    expect(whole.choices[0]?.text).toBe("You said: x");
    const pieces = await collect(await client.completions.create({ model: "c", prompt: "x", stream: true }));
    expect(pieces.map((piece) => piece.choices[0]?.text).join("")).toBe("You said: x");
  });
});

describe("keys", () => {
  const ask = (key?: string, path = "/v1/models") =>
    fetch(upstream.origin + path, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  const errorOf = async (response: Response) => (await json<{ error: OpenAI.ErrorObject }>(response)).error;

  test("a missing key and a wrong one are 401; the message masks the key", async () => {
    const missing = await ask();
    expect([missing.status, (await errorOf(missing)).type]).toEqual([401, "invalid_request_error"]);
    const wrong = await ask("sk-wrong-0123456789abcdef");
    const error = await errorOf(wrong);
    expect([wrong.status, error.code]).toEqual([401, "invalid_api_key"]);
    expect(error.message).toContain("sk-wrong*************cdef");
    expect(error.message).not.toContain("0123456789");
  });

  test("echoKey repeats the whole key", async () => {
    const careless = await started({ keys: [], echoKey: true });
    const response = await fetch(`${careless.origin}/models`, { headers: { "x-api-key": "sk-wrong-0123456789" } });
    expect((await errorOf(response)).message).toContain("sk-wrong-0123456789");
  });

  test("keys are added, revoked and replaced while it runs", async () => {
    upstream.addKey("second");
    expect((await ask("second")).status).toBe(200);
    upstream.revokeKey("second");
    expect((await ask("second")).status).toBe(401);
    upstream.setKeys(["third"]);
    expect((await ask(KEY)).status).toBe(401);
    expect((await ask("third")).status).toBe(200);
    upstream.setKeys(undefined);
    expect((await ask("anything")).status).toBe(200);
    expect(upstream.keysSeen).toEqual(["second", KEY, "third", "anything"]);
  });

  test("an account without money is 429 insufficient_quota", async () => {
    upstream.setKeys([{ key: "poor", insufficientQuota: true }]);
    const response = await ask("poor");
    expect([response.status, (await errorOf(response)).code]).toEqual([429, "insufficient_quota"]);
    expect(response.headers.get("retry-after")).toBeNull();
  });

  test("a limited key counts down, is 429 with Retry-After, and heals with the next minute", async () => {
    let now = 1_000_000;
    const limited = await started({ now: () => now });
    limited.limitKey("k", { requestsPerMinute: 2 });
    const get = () => fetch(`${limited.origin}/v1/models`, { headers: { "api-key": "k" } });
    const first = await get();
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect(first.headers.get("x-ratelimit-reset-requests")).toBe("1m0s");
    await get();
    now += 20_000;
    const third = await get();
    expect([third.status, third.headers.get("retry-after")]).toEqual([429, "40"]);
    expect((await errorOf(third)).code).toBe("rate_limit_exceeded");
    now += 40_000;
    expect((await get()).status).toBe(200);
    limited.limitKey("k", { remaining: 0, retryAfterSeconds: 7 });
    expect((await get()).headers.get("retry-after")).toBe("7");
  });

  test("what is not there is 404, a wrong method 405, a bad body 400, a model not served 404", async () => {
    const strict = await started({ models: ["a"], anonymous: true });
    const post = (path: string, body: string, headers = {}) =>
      fetch(strict.origin + path, { method: "POST", body, headers });
    expect(await errorOf(await post("/v1/threads", "{}"))).toMatchObject({ message: "Invalid URL (POST /v1/threads)" });
    expect((await fetch(`${strict.origin}/v1/chat/completions`)).status).toBe(405);
    expect((await post("/chat/completions", "{")).status).toBe(400);
    expect((await post("/chat/completions", "{}")).status).toBe(400);
    expect((await post("/v1/chat/completions", '{"model":"b"}')).status).toBe(404);
    expect((await post("/v1/files", "x", { "content-type": "multipart/form-data; boundary=b" })).status).toBe(400);
  });
});

describe("the record", () => {
  test("keeps what was sent as it was sent", async () => {
    await fetch(`${upstream.origin}/v1/moderations?key=${KEY}&x=1`, {
      method: "POST",
      headers: { "X-Odd": "1" },
      body: '{"input":"ü"}',
    });
    const [request] = upstream.requests;
    expect(request).toMatchObject({ path: "/v1/moderations", query: `key=${KEY}&x=1`, key: KEY, bodyComplete: true });
    expect(request?.body.toString()).toBe('{"input":"ü"}');
    expect(request?.headers["x-odd"]).toBe("1");
    expect(request?.rawHeaders.length).toBeGreaterThan(2);
  });

  test("numbers connections and the requests on each", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; turn < 2; turn++) {
      await new Promise((done) => get(`${upstream.origin}/v1/models`, { agent }, (r) => r.resume().once("end", done)));
    }
    expect(upstream.requests.map((request) => [request.connection, request.requestOnConnection])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(upstream.connections).toEqual({ open: 1, opened: 1 });
  });

  test("tells of a request when it arrives, and of a client that leaves in mid-stream", async () => {
    const arrival = upstream.waitForRequest((request) => request.path.endsWith("completions"));
    const departure = upstream.waitForAbort();
    const leave = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "m", messages: [{ role: "user", content: "hi" }], stream: true },
      { headers: { "x-simulate": "events=1000, delay-ms=10" }, signal: leave.signal },
    );
    expect((await arrival).aborted).toBe(false);
    for await (const _ of stream) break;
    leave.abort();
    const left = await departure;
    expect(left.aborted).toBe(true);
    expect(left.eventsSent).toBeLessThan(1000);
    expect(await upstream.waitForAbort()).toBe(left);
  });

  test("keeps the newest recordLimit requests, and forgets all on clear", async () => {
    const short = await started({ recordLimit: 2 });
    for (const path of ["/a", "/b", "/c"]) await fetch(short.origin + path);
    expect(short.requests.map((request) => request.path)).toEqual(["/b", "/c"]);
    short.clear();
    expect(short.requests).toEqual([]);
  });

  test("a promise of a request that never came ends with SIMULATOR_CLOSED", async () => {
    const never = upstream.waitForRequest();
    await upstream.close();
    await upstream.close();
    await expect(never).rejects.toSatisfy((error) => SimulatorError.is(error) && error.code === "SIMULATOR_CLOSED");
    await expect(fetch(upstream.origin)).rejects.toThrow();
  });
});

describe("pace", () => {
  test("x-simulate sets the text, the number of events, tokens and a status", async () => {
    const ask = (simulate: string) =>
      fetch(`${upstream.origin}/v1/chat/completions?key=${KEY}`, {
        method: "POST",
        headers: { "x-simulate": simulate },
        body: '{"model":"m","messages":[{"role":"user","content":"hi"}]}',
      });
    const answer = await ask("text=a%20b, events=5, cached-tokens=1, reasoning-tokens=2");
    const chat = await json<OpenAI.ChatCompletion>(answer);
    expect(chat.choices[0]?.message.content).toBe("a b a b a");
    expect(chat.usage).toMatchObject({
      completion_tokens: 7,
      prompt_tokens_details: { cached_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 2 },
    });
    expect((await ask("status=503")).status).toBe(503);
  });

  test("a client that does not read stops the making of events", async () => {
    const total = 500_000;
    const body = '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}';
    const response = await fetch(`${upstream.origin}/v1/chat/completions?key=${KEY}`, {
      method: "POST",
      headers: { "x-simulate": `events=${total}` },
      body,
    });
    await fetch(`${upstream.origin}/v1/models?key=${KEY}`);
    expect(upstream.requests[0]?.eventsSent).toBeLessThan(total / 5);
    await response.body?.cancel();
    expect((await upstream.waitForAbort()).eventsSent).toBeLessThan(total / 5);
  });
});

test("a port that is taken is SIMULATOR_LISTEN", async () => {
  await expect(startSimulator({ port: upstream.port })).rejects.toMatchObject({
    code: "SIMULATOR_LISTEN",
    cause: { code: "EADDRINUSE" },
  });
});
