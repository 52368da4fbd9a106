/** POST /chat/completions: text that echoes the last message, or a call of the first tool; whole or streamed. */
import type { Endpoint, JsonCall } from "../endpoint.ts";
import { asArray, asCount, asObject, asString, contentText, type JsonObject } from "../json.ts";
import { dataEvent, eventsReply, jsonReply, type Reply } from "../reply.ts";
import { schemaExample } from "../schema-example.ts";
import { countTokens, echoText, joined, say, type Utterance } from "../text.ts";

interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** What one choice says. All choices of a call say the same. */
interface Choice {
  readonly utterance: Utterance;
  readonly tool: ToolCall | undefined;
  readonly finish: "stop" | "length" | "tool_calls";
}

export const chatCompletions: Endpoint = {
  method: "POST",
  path: "/chat/completions",
  reads: "json",
  needsModel: true,
  answer(call): Reply {
    const choice = choose(call);
    const count = Math.min(asCount(call.body["n"]) ?? 1, 128);
    const base = { id: call.store.newId("chatcmpl-"), created: call.created, model: call.model };
    const usage = usageOf(call, choice, count);
    if (call.body["stream"] === true) {
      const includeUsage = asObject(call.body["stream_options"])?.["include_usage"] === true;
      return eventsReply(chunks(base, choice, count, includeUsage ? usage : undefined));
    }
    return jsonReply({
      ...base,
      object: "chat.completion",
      choices: Array.from({ length: count }, (_, index) => ({
        index,
        message: wholeMessage(choice),
        logprobs: null,
        finish_reason: choice.finish,
      })),
      usage,
      service_tier: "default",
      system_fingerprint: "fp_simulated",
    });
  },
};

function choose(call: JsonCall): Choice {
  const { body } = call;
  const last = asObject(asArray(body["messages"]).at(-1));
  const maxTokens = asCount(body["max_completion_tokens"]) ?? asCount(body["max_tokens"]);
  const tool = last?.["role"] === "user" ? toolCall(call) : undefined;
  if (tool !== undefined) return { utterance: say(tool.arguments, undefined, undefined), tool, finish: "tool_calls" };
  const utterance = say(textOf(call, last), call.answer.events, maxTokens);
  return { utterance, tool: undefined, finish: utterance.cut ? "length" : "stop" };
}

function textOf(call: JsonCall, last: JsonObject | undefined): string {
  if (call.answer.text !== undefined) return call.answer.text;
  const format = asObject(call.body["response_format"]);
  const schema = asObject(format?.["json_schema"])?.["schema"];
  if (schema !== undefined) return JSON.stringify(schemaExample(schema));
  if (format?.["type"] === "json_object") return "{}";
  const content = contentText(last?.["content"]);
  return last?.["role"] === "tool" ? `The tool said: ${content}` : echoText(content);
}

function toolCall(call: JsonCall): ToolCall | undefined {
  const wanted = call.body["tool_choice"];
  if (wanted === "none") return undefined;
  const wantedName = asObject(asObject(wanted)?.["function"])?.["name"];
  const functions = asArray(call.body["tools"]).map((tool) => asObject(asObject(tool)?.["function"]));
  const chosen = functions.find((tool) => wantedName === undefined || tool?.["name"] === wantedName);
  const name = asString(chosen?.["name"]);
  if (name === undefined) return undefined;
  const parameters = chosen?.["parameters"] ?? { type: "object" };
  return { id: call.store.newId("call_"), name, arguments: JSON.stringify(schemaExample(parameters)) };
}

function usageOf(call: JsonCall, choice: Choice, count: number): JsonObject {
  const said = asArray(call.body["messages"]).map((message) => contentText(asObject(message)?.["content"]));
  const prompt = said.reduce((sum, text) => sum + countTokens(text), 0);
  const reasoning = call.answer.reasoningTokens ?? 0;
  const completion = choice.utterance.count * count + reasoning;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: call.answer.cachedTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function wholeMessage({ tool, utterance }: Choice): JsonObject {
  const message = { role: "assistant", content: tool === undefined ? joined(utterance) : null, refusal: null };
  if (tool === undefined) return { ...message, annotations: [] };
  const { id, name } = tool;
  return { ...message, tool_calls: [{ id, type: "function", function: { name, arguments: tool.arguments } }] };
}

/** With `usage` (asked for), each chunk has `usage: null` and one more chunk, without choices, has the numbers. */
function* chunks(base: JsonObject, choice: Choice, count: number, usage: JsonObject | undefined): Generator<string> {
  const common = {
    ...base,
    object: "chat.completion.chunk",
    service_tier: "default",
    system_fingerprint: "fp_simulated",
  };
  const nothing = usage === undefined ? {} : { usage: null };
  const chunk = (index: number, delta: JsonObject, finish: string | null = null) =>
    dataEvent({ ...common, choices: [{ index, delta, logprobs: null, finish_reason: finish }], ...nothing });
  const indexes = Array.from({ length: count }, (_, index) => index);

  for (const index of indexes) yield chunk(index, firstDelta(choice));
  for (const piece of choice.utterance.pieces()) {
    const delta =
      choice.tool === undefined ? { content: piece } : { tool_calls: [{ index: 0, function: { arguments: piece } }] };
    for (const index of indexes) yield chunk(index, delta);
  }
  for (const index of indexes) yield chunk(index, {}, choice.finish);
  if (usage !== undefined) yield dataEvent({ ...common, choices: [], usage });
  yield "data: [DONE]\n\n";
}

function firstDelta({ tool }: Choice): JsonObject {
  if (tool === undefined) return { role: "assistant", content: "", refusal: null };
  const { id, name } = tool;
  const call = { index: 0, id, type: "function", function: { name, arguments: "" } };
  return { role: "assistant", content: null, tool_calls: [call], refusal: null };
}
