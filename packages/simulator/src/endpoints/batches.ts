/** /batches: create, list, retrieve, cancel. A batch stays `validating`; nothing runs it. */
import type { Endpoint } from "../endpoint.ts";
import { asString } from "../json.ts";
import { errorReply } from "../openai-error.ts";
import { jsonReply, type Reply } from "../reply.ts";

const create: Endpoint = {
  method: "POST",
  path: "/batches",
  reads: "json",
  answer({ body, store, created }) {
    const input = asString(body["input_file_id"]);
    if (input === undefined || store.files.get(input) === undefined) {
      return errorReply(400, { message: `File '${input ?? ""}' does not exist.`, param: "input_file_id" });
    }
    const batch = {
      id: store.newId("batch_"),
      object: "batch",
      endpoint: body["endpoint"] ?? null,
      errors: null,
      input_file_id: input,
      completion_window: body["completion_window"] ?? "24h",
      status: "validating",
      created_at: created,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: body["metadata"] ?? null,
    };
    store.batches.set(batch.id, batch);
    return jsonReply(batch);
  },
};

const list: Endpoint = {
  method: "GET",
  path: "/batches",
  reads: "nothing",
  answer: ({ store }) => jsonReply({ object: "list", data: store.batches.list(), has_more: false }),
};

const retrieve: Endpoint = {
  method: "GET",
  path: "/batches/{id}",
  reads: "nothing",
  answer({ store, params }) {
    const batch = store.batches.get(params["id"] ?? "");
    return batch === undefined ? notFound(params["id"]) : jsonReply(batch);
  },
};

const cancel: Endpoint = {
  method: "POST",
  path: "/batches/{id}/cancel",
  reads: "nothing",
  answer({ store, params, created }) {
    const { id = "" } = params;
    const batch = store.batches.get(id);
    if (batch === undefined) return notFound(id);
    const cancelled = { ...batch, status: "cancelled", cancelled_at: created };
    store.batches.set(id, cancelled);
    return jsonReply(cancelled);
  },
};

export const batches: readonly Endpoint[] = [create, list, retrieve, cancel];

function notFound(id = ""): Reply {
  return errorReply(404, { message: `No batch found with id '${id}'.` });
}
