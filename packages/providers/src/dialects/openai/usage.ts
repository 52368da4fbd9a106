/** Reads tokens and model out of an answer that passes. */
import type { Usage, UsageScanner } from "../../contract.ts";
import { MemberSearch } from "./member-search.ts";

/** Chat, completions, embeddings, responses, images and transcriptions, as one JSON text or as events. */
export function usageScanner(): UsageScanner {
  let usage: Usage | undefined;
  let model: string | undefined;
  // The last usage counts: some servers tell it with every event, growing. The first model counts.
  const usages = new MemberSearch("usage", "{", (value) => (usage = usageOf(value) ?? usage));
  const models = new MemberSearch("model", '"', (value) => {
    if (typeof value === "string" && value !== "") model ??= value; // Azure begins with an empty one
  });
  return {
    push(chunk) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      usages.push(bytes);
      if (model === undefined) models.push(bytes);
    },
    get usage() {
      return usage;
    },
    get model() {
      return model;
    },
  };
}

type Members = Readonly<Record<string, unknown>>;

const shapes = [
  ["prompt_tokens", "completion_tokens"],
  ["input_tokens", "output_tokens"],
] as const;

/** Undefined for whatever else is called usage: a schema of a tool, the seconds of a recording. */
function usageOf(value: unknown): Usage | undefined {
  const members = membersOf(value);
  const shape = shapes.find((names) => names.some((name) => tokens(members, name) !== undefined));
  return shape && read(members, shape[0], shape[1]);
}

function read(members: Members, input: string, output: string): Usage {
  const inputTokens = tokens(members, input) ?? 0;
  const outputTokens = tokens(members, output) ?? 0;
  const cachedInputTokens = tokens(membersOf(members[`${input}_details`]), "cached_tokens");
  const reasoningTokens = tokens(membersOf(members[`${output}_details`]), "reasoning_tokens");
  return {
    inputTokens,
    outputTokens,
    totalTokens: tokens(members, "total_tokens") ?? inputTokens + outputTokens,
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function tokens(members: Members, name: string): number | undefined {
  const count = members[name];
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? count : undefined;
}
