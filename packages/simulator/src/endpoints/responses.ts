/** POST /responses, whole or as named events, and GET and DELETE /responses/{id}. */
import type { Call, Endpoint, JsonCall } from "../endpoint.ts";
import { asArray, asCount, asObject, asString, contentText, type JsonObject } from "../json.ts";
import { errorReply } from "../openai-error.ts";
import { eventsReply, jsonReply, namedEvent, type Reply } from "../reply.ts";
import { schemaExample } from "../schema-example.ts";
import { countTokens, echoText, joined, say, type Utterance } from "../text.ts";

interface Answer {
  readonly response: JsonObject;
  readonly item: JsonObject;
  readonly utterance: Utterance;
  readonly isCall: boolean;
}

const create: Endpoint = {
  method: "POST",
  path: "/responses",
  reads: "json",
  needsModel: true,
  answer(call): Reply {
    const previous = asString(call.body["previous_response_id"]);
    if (previous !== undefined && responseOf(call, previous) === undefined) {
      const message = `Previous response with id '${previous}' not found.`;
      return errorReply(400, { message, param: "previous_response_id", code: "previous_response_not_found" });
    }
    const answer = makeAnswer(call);
    const { response } = answer;
    if (call.body["store"] !== false) call.store.responses.set(String(response["id"]), { key: call.key, response });
    return call.body["stream"] === true ? eventsReply(events(answer), true) : jsonReply(response);
  },
};

const retrieve: Endpoint = {
  method: "GET",
  path: "/responses/{id}",
  reads: "nothing",
  answer(call) {
    const { id = "" } = call.params;
    const response = responseOf(call, id);
    return response === undefined ? notFound(id) : jsonReply(response);
  },
};

const remove: Endpoint = {
  method: "DELETE",
  path: "/responses/{id}",
  reads: "nothing",
  answer(call) {
    const { id = "" } = call.params;
    if (responseOf(call, id) === undefined) return notFound(id);
    call.store.responses.delete(id);
    return jsonReply({ id, object: "response", deleted: true });
  },
};

export const responses: readonly Endpoint[] = [create, retrieve, remove];

function responseOf({ store, key }: Call, id: string): JsonObject | undefined {
  const stored = store.responses.get(id);
  return stored?.key === key ? stored?.response : undefined;
}

function notFound(id: string): Reply {
  return errorReply(404, { message: `Response with id '${id}' not found.` });
}

function makeAnswer(call: JsonCall): Answer {
  const { body } = call;
  const input = typeof body["input"] === "string" ? [{ role: "user", content: body["input"] }] : asArray(body["input"]);
  const last = asObject(input.at(-1));
  const tool = last?.["role"] === "user" ? chosenTool(body) : undefined;
  const text = tool === undefined ? textOf(call, last) : JSON.stringify(schemaExample(tool["parameters"] ?? {}));
  const utterance =
    tool === undefined
      ? say(text, call.answer.events, asCount(body["max_output_tokens"]))
      : say(text, undefined, undefined);
  const item = tool === undefined ? messageItem(call, utterance) : callItem(call, tool, utterance);
  const response = {
    id: call.store.newId("resp_"),
    object: "response",
    created_at: call.created,
    status: utterance.cut ? "incomplete" : "completed",
    error: null,
    incomplete_details: utterance.cut ? { reason: "max_output_tokens" } : null,
    instructions: body["instructions"] ?? null,
    model: call.model,
    output: [item],
    parallel_tool_calls: true,
    previous_response_id: body["previous_response_id"] ?? null,
    store: body["store"] !== false,
    tool_choice: body["tool_choice"] ?? "auto",
    tools: asArray(body["tools"]),
    metadata: body["metadata"] ?? {},
    usage: usageOf(call, input, utterance),
  };
  return { response, item, utterance, isCall: tool !== undefined };
}

function chosenTool(body: JsonObject): JsonObject | undefined {
  const wanted = body["tool_choice"];
  if (wanted === "none") return undefined;
  const wantedName = asObject(wanted)?.["name"];
  return asArray(body["tools"])
    .map(asObject)
    .find((tool) => tool?.["type"] === "function" && (wantedName === undefined || tool["name"] === wantedName));
}

function textOf(call: JsonCall, last: JsonObject | undefined): string {
  if (call.answer.text !== undefined) return call.answer.text;
  const schema = asObject(asObject(call.body["text"])?.["format"])?.["schema"];
  if (schema !== undefined) return JSON.stringify(schemaExample(schema));
  if (last?.["type"] === "function_call_output") return `The tool said: ${contentText(last["output"])}`;
  return echoText(contentText(last?.["content"]));
}

function messageItem(call: JsonCall, utterance: Utterance): JsonObject {
  const content = [{ type: "output_text", annotations: [], logprobs: [], text: joined(utterance) }];
  const status = utterance.cut ? "incomplete" : "completed";
  return { id: call.store.newId("msg_"), type: "message", status, content, role: "assistant" };
}

function callItem(call: JsonCall, tool: JsonObject, utterance: Utterance): JsonObject {
  const ids = { id: call.store.newId("fc_"), call_id: call.store.newId("call_") };
  return { ...ids, type: "function_call", status: "completed", arguments: joined(utterance), name: tool["name"] };
}

function usageOf(call: JsonCall, input: readonly unknown[], utterance: Utterance): JsonObject {
  const said = [
    call.body["instructions"],
    ...input.map((item) => asObject(item)?.["content"] ?? asObject(item)?.["output"]),
  ];
  const inputTokens = said.reduce<number>((sum, content) => sum + countTokens(contentText(content)), 0);
  const reasoning = call.answer.reasoningTokens ?? 0;
  const outputTokens = utterance.count + reasoning;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: call.answer.cachedTokens ?? 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: inputTokens + outputTokens,
  };
}

function* events({ response, item, utterance, isCall }: Answer): Generator<string> {
  let sequence = 0;
  const event = (type: string, fields: JsonObject) =>
    namedEvent(type, { type, sequence_number: sequence++, ...fields });
  const begun = { ...response, status: "in_progress", incomplete_details: null, output: [], usage: null };
  yield event("response.created", { response: begun });
  yield event("response.in_progress", { response: begun });
  const empty = isCall ? { arguments: "" } : { content: [] };
  yield event("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", ...empty } });
  yield* isCall ? argumentEvents(event, item, utterance) : textEvents(event, item, utterance);
  yield event("response.output_item.done", { output_index: 0, item });
  yield event(utterance.cut ? "response.incomplete" : "response.completed", { response });
}

type MakeEvent = (type: string, fields: JsonObject) => string;

function* textEvents(event: MakeEvent, item: JsonObject, utterance: Utterance): Generator<string> {
  const place = { item_id: item["id"], output_index: 0, content_index: 0 };
  const part = { type: "output_text", annotations: [], logprobs: [], text: "" };
  yield event("response.content_part.added", { ...place, part });
  for (const delta of utterance.pieces()) yield event("response.output_text.delta", { ...place, delta, logprobs: [] });
  const text = joined(utterance);
  yield event("response.output_text.done", { ...place, text, logprobs: [] });
  yield event("response.content_part.done", { ...place, part: { ...part, text } });
}

function* argumentEvents(event: MakeEvent, item: JsonObject, utterance: Utterance): Generator<string> {
  const place = { item_id: item["id"], output_index: 0 };
  for (const delta of utterance.pieces()) yield event("response.function_call_arguments.delta", { ...place, delta });
  yield event("response.function_call_arguments.done", { ...place, name: item["name"], arguments: joined(utterance) });
}
