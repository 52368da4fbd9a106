/** /files: upload, list, retrieve, content, delete. */
import type { Endpoint } from "../endpoint.ts";
import { fieldOf } from "../multipart.ts";
import { errorReply } from "../openai-error.ts";
import { bytesReply, jsonReply, type Reply } from "../reply.ts";

const upload: Endpoint = {
  method: "POST",
  path: "/files",
  reads: "form",
  answer({ store, parts, created }) {
    const file = parts.find((part) => part.name === "file");
    if (file === undefined) return errorReply(400, { message: "'file' is a required property", param: "file" });
    const info = {
      id: store.newId("file-"),
      object: "file",
      bytes: file.bytes.length,
      created_at: created,
      filename: file.filename ?? "",
      purpose: fieldOf(parts, "purpose") ?? "",
      status: "processed",
    };
    // A copy, so that the whole body does not stay in memory for one part of it.
    store.files.set(info.id, { info, bytes: Buffer.from(file.bytes) });
    return jsonReply(info);
  },
};

const list: Endpoint = {
  method: "GET",
  path: "/files",
  reads: "nothing",
  answer({ store }) {
    const data = store.files.list().map((file) => file.info);
    return jsonReply({
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: false,
    });
  },
};

const retrieve: Endpoint = {
  method: "GET",
  path: "/files/{id}",
  reads: "nothing",
  answer({ store, params }) {
    const file = store.files.get(params["id"] ?? "");
    return file === undefined ? notFound(params["id"]) : jsonReply(file.info);
  },
};

const content: Endpoint = {
  method: "GET",
  path: "/files/{id}/content",
  reads: "nothing",
  answer({ store, params }) {
    const file = store.files.get(params["id"] ?? "");
    return file === undefined ? notFound(params["id"]) : bytesReply(file.bytes, "application/octet-stream");
  },
};

const remove: Endpoint = {
  method: "DELETE",
  path: "/files/{id}",
  reads: "nothing",
  answer({ store, params }) {
    const { id = "" } = params;
    return store.files.delete(id) ? jsonReply({ id, object: "file", deleted: true }) : notFound(id);
  },
};

export const files: readonly Endpoint[] = [upload, list, retrieve, content, remove];

function notFound(id = ""): Reply {
  return errorReply(404, { message: `No such File object: ${id}`, param: "id" });
}
