/** GET /models and GET /models/{model}. */
import type { Call, Endpoint } from "../endpoint.ts";
import { errorReply } from "../openai-error.ts";
import { jsonReply, type Reply } from "../reply.ts";

const USUAL_MODELS = ["gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini", "slow", "text-embedding-3-small", "whisper-1"];

const list: Endpoint = {
  method: "GET",
  path: "/models",
  reads: "nothing",
  answer: (call) => jsonReply({ object: "list", data: (call.models ?? USUAL_MODELS).map((id) => describe(id, call)) }),
};

const retrieve: Endpoint = {
  method: "GET",
  path: "/models/{model}",
  reads: "nothing",
  answer(call) {
    const { model = "" } = call.params;
    return (call.models ?? USUAL_MODELS).includes(model) ? jsonReply(describe(model, call)) : modelNotFound(model);
  },
};

export const models: readonly Endpoint[] = [list, retrieve];

export function modelNotFound(model: string): Reply {
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return errorReply(404, { message, code: "model_not_found", param: "model" });
}

function describe(id: string, call: Call): object {
  return { id, object: "model", created: call.created, owned_by: "simulated" };
}
