/** Two providers that stand in for OpenAI, ours and aimock. They say the same, so that one test serves for both. */
import { LLMock, type ChatCompletionRequest, type FixtureResponse } from "@copilotkit/aimock";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import type { RouteConfig } from "./gateway-process.ts";

/** The only key that a provider takes; the gateway's config holds it, and nobody else does. */
export const PROVIDER_KEY = "sk-configured-0123456789";

export interface Provider {
  /** `127.0.0.1:40123`. */
  readonly host: string;
  /** The models that requests named, oldest first. */
  modelsSeen(): readonly string[];
  close(): Promise<void>;
}

/** A route that holds the provider's key, for whoever reaches it. */
export function keyedRoute(host: string, model?: string): RouteConfig {
  return {
    backends: [{ ai: { name: "openai", hostOverride: host, provider: { openAI: { model } } } }],
    policies: { backendAuth: { key: PROVIDER_KEY } },
  };
}

/** A route on which each caller brings a key; its upstream paths all lie below /v1, whatever the caller's base is. */
export function passthroughRoute(host: string): RouteConfig {
  return {
    backends: [{ ai: { name: "openai", hostOverride: host, pathPrefix: "/v1", provider: { openAI: {} } } }],
    policies: { backendAuth: { passthrough: {} } },
  };
}

/** A route with a provider's key, for callers with a key of the gateway's. */
export function strictRoute(host: string, clientKey: string): RouteConfig {
  const apiKey = { keys: [{ key: clientKey, metadata: { user: "alice" } }] };
  return { ...keyedRoute(host), policies: { backendAuth: { key: PROVIDER_KEY }, apiKey } };
}

/** With what a test of ours alone needs: a record of all it received, and faults. */
export interface SimulatedProvider extends Provider {
  readonly simulator: Simulator;
}

export async function startSimulatedProvider(): Promise<SimulatedProvider> {
  const simulator = await startSimulator({ keys: [PROVIDER_KEY] });
  return {
    simulator,
    host: simulator.host,
    modelsSeen: () => simulator.requests.map(({ body }) => modelIn(body.toString("latin1"))),
    close: () => simulator.close(),
  };
}

/** The model of a JSON or a multipart body. */
function modelIn(body: string): string {
  return /"model"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? /name="model"\r\n(?:.+\r\n)*\r\n(.*)\r\n/.exec(body)?.[1] ?? "";
}

/** Every credential in a request must be the one key: a client's own that got through would be answered 401. */
export async function startAimockProvider(): Promise<Provider> {
  const aimock = new LLMock({ port: 0, host: "127.0.0.1", strict: true, auth: { apiKeys: [PROVIDER_KEY] } });
  const anything = /(?:)/;
  aimock.on({ endpoint: "chat", userMessage: /broken off/, hasToolResult: false }, speak, {
    // A chunk each turn, so that some are on their way before the connection is cut.
    latency: 1,
    chunkSize: 4,
    truncateAfterChunks: 3,
  });
  aimock.on({ endpoint: "chat" }, speak, { chunkSize: 8 });
  aimock.onEmbedding(anything, { embedding: [0.25, -0.5, 0.125] });
  aimock.onTranscription({ transcription: { text: "What aimock heard." } });
  aimock.onImage(anything, { image: { b64Json: "aGk=" } });
  await aimock.start();
  return {
    host: `127.0.0.1:${aimock.port}`,
    modelsSeen: () => aimock.getRequests().map(({ body }) => modelIn(JSON.stringify(body))),
    close: () => aimock.stop(),
  };
}

/** As the simulator does: a call of the first tool, else what was said last. */
function speak({ messages, tools = [] }: ChatCompletionRequest): FixtureResponse {
  const last = messages.at(-1);
  const said = textOf(last?.content);
  if (last?.role === "tool") return { content: `The tool said: ${said}`, usage };
  const [tool] = tools;
  if (tool === undefined) return { content: `You said: ${said}`, usage };
  return { toolCalls: [{ name: tool.function.name, arguments: '{"city":"Paris"}' }], usage };
}

/** By the names of chat completions and of responses. */
const usage = { prompt_tokens: 3, completion_tokens: 4, input_tokens: 3, output_tokens: 4 };

function textOf(content: ChatCompletionRequest["messages"][number]["content"] | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => ("text" in part && typeof part.text === "string" ? part.text : "")).join("");
}

export const providers = [
  { name: "the simulator", start: startSimulatedProvider },
  { name: "aimock", start: startAimockProvider },
] as const;
