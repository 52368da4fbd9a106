/** POST /completions, the endpoint before chat. */
import type { Endpoint } from "../endpoint.ts";
import { asArray, asCount, asObject, asString } from "../json.ts";
import { dataEvent, eventsReply, jsonReply } from "../reply.ts";
import { countTokens, echoText, joined, say, type Utterance } from "../text.ts";

export const completions: Endpoint = {
  method: "POST",
  path: "/completions",
  reads: "json",
  needsModel: true,
  answer(call) {
    const { body, answer } = call;
    const prompt =
      asString(body["prompt"]) ??
      asArray(body["prompt"])
        .filter((text) => typeof text === "string")
        .join("");
    const utterance = say(answer.text ?? echoText(prompt), answer.events, asCount(body["max_tokens"]));
    const promptTokens = countTokens(prompt);
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: utterance.count,
      total_tokens: promptTokens + utterance.count,
    };
    const common = {
      id: call.store.newId("cmpl-"),
      object: "text_completion",
      created: call.created,
      model: call.model,
      system_fingerprint: "fp_simulated",
    };
    if (body["stream"] !== true) {
      return jsonReply({ ...common, choices: [choice(joined(utterance), finishOf(utterance))], usage });
    }
    const includeUsage = asObject(body["stream_options"])?.["include_usage"] === true;
    return eventsReply(chunks(common, utterance, includeUsage ? usage : undefined));
  },
};

function* chunks(common: object, utterance: Utterance, usage: object | undefined): Generator<string> {
  const nothing = usage === undefined ? {} : { usage: null };
  for (const text of utterance.pieces()) yield dataEvent({ ...common, choices: [choice(text, null)], ...nothing });
  yield dataEvent({ ...common, choices: [choice("", finishOf(utterance))], ...nothing });
  if (usage !== undefined) yield dataEvent({ ...common, choices: [], usage });
  yield "data: [DONE]\n\n";
}

function choice(text: string, finish: string | null): object {
  return { text, index: 0, logprobs: null, finish_reason: finish };
}

function finishOf(utterance: Utterance): string {
  return utterance.cut ? "length" : "stop";
}
