/** POST /embeddings: a unit vector made from a hash of the input, as floats or as base64 of little-endian float32. */
import { createHash } from "node:crypto";
import type { Endpoint } from "../endpoint.ts";
import { asCount, asString } from "../json.ts";
import { jsonReply } from "../reply.ts";
import { countTokens } from "../text.ts";

const DIMENSIONS_LIMIT = 4096;

export const embeddings: Endpoint = {
  method: "POST",
  path: "/embeddings",
  reads: "json",
  needsModel: true,
  answer({ body, model }) {
    const dimensions = Math.min(asCount(body["dimensions"]) ?? 1536, DIMENSIONS_LIMIT);
    const inputs = inputsOf(body["input"]);
    const tokens = inputs.reduce((sum, input) => sum + Math.max(1, countTokens(input)), 0);
    return jsonReply({
      object: "list",
      data: inputs.map((input, index) => {
        const vector = vectorOf(input, dimensions);
        const embedding = body["encoding_format"] === "base64" ? base64(vector) : [...vector];
        return { object: "embedding", index, embedding };
      }),
      model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  },
};

/** A string, strings, token numbers, or lists of token numbers. */
function inputsOf(input: unknown): string[] {
  if (!Array.isArray(input)) return [asString(input) ?? ""];
  return input.every((item) => typeof item === "number") ? [input.join(" ")] : input.map(String);
}

function vectorOf(input: string, dimensions: number): Float32Array {
  let state = createHash("sha256").update(input).digest().readUInt32LE(0);
  const vector = Float32Array.from({ length: dimensions }, () => {
    // A linear congruential generator: enough to tell inputs apart, the same everywhere.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x8000_0000 - 1;
  });
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
