/** POST /images/generations, and /images/edits and /images/variations that tell what was uploaded. */
import type { Endpoint } from "../endpoint.ts";
import { asCount } from "../json.ts";
import { seenFiles } from "../multipart.ts";
import { jsonReply } from "../reply.ts";

/** One transparent pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const generations: Endpoint = {
  method: "POST",
  path: "/images/generations",
  reads: "json",
  answer({ body, created, model }) {
    const count = Math.min(Math.max(asCount(body["n"]) ?? 1, 1), 10);
    const image = { b64_json: PIXEL, revised_prompt: body["prompt"] ?? null };
    return jsonReply({ created, model, data: Array.from({ length: count }, () => image), usage: USAGE });
  },
};

const USAGE = { input_tokens: 10, output_tokens: 100, total_tokens: 110 };

function uploaded(path: string): Endpoint {
  return {
    method: "POST",
    path,
    reads: "form",
    answer: ({ created, model, parts }) =>
      jsonReply({ created, model, data: [{ b64_json: PIXEL }], files: seenFiles(parts), usage: USAGE }),
  };
}

export const images: readonly Endpoint[] = [generations, uploaded("/images/edits"), uploaded("/images/variations")];
