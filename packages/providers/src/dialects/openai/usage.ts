/** Reads tokens and model out of an answer that passes. */
import type { Usage, UsageScanner } from "../../contract.ts";
import { member, MemberSearch } from "./member-search.ts";

const usageMember = member("usage", "{");
const modelMember = member("model", '"');

/** Chat, completions, embeddings, responses, images and transcriptions, as one JSON text or as events. */
export function usageScanner(): UsageScanner {
  return new OpenAIUsageScanner();
}

/** The last usage counts: some servers tell it with every event, growing. The first model counts. */
class OpenAIUsageScanner implements UsageScanner {
  usage: Usage | undefined;
  model: string | undefined;

  readonly #usages = new MemberSearch(usageMember, (value) => {
    this.usage = usageOf(value) ?? this.usage;
    return false;
  });

  readonly #models = new MemberSearch(modelMember, (value) => {
    if (typeof value === "string" && value !== "") this.model = value; // Azure begins with an empty one
    return this.model !== undefined;
  });

  push(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#usages.push(bytes);
    this.#models.push(bytes);
  }
}

interface Members {
  readonly prompt_tokens?: unknown;
  readonly completion_tokens?: unknown;
  readonly prompt_tokens_details?: unknown;
  readonly completion_tokens_details?: unknown;
  readonly input_tokens?: unknown;
  readonly output_tokens?: unknown;
  readonly input_tokens_details?: unknown;
  readonly output_tokens_details?: unknown;
  readonly total_tokens?: unknown;
  readonly cached_tokens?: unknown;
  readonly reasoning_tokens?: unknown;
}

/** Undefined for whatever else is called usage: a schema of a tool, the seconds of a recording. */
function usageOf(value: unknown): Usage | undefined {
  const members = membersOf(value);
  const total = members.total_tokens;
  return (
    read(
      members.prompt_tokens,
      members.prompt_tokens_details,
      members.completion_tokens,
      members.completion_tokens_details,
      total,
    ) ??
    read(
      members.input_tokens,
      members.input_tokens_details,
      members.output_tokens,
      members.output_tokens_details,
      total,
    )
  );
}

function read(
  input: unknown,
  inputDetails: unknown,
  output: unknown,
  outputDetails: unknown,
  total: unknown,
): Usage | undefined {
  const inputTokens = tokens(input);
  const outputTokens = tokens(output);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const cachedInputTokens = tokens(membersOf(inputDetails).cached_tokens);
  const reasoningTokens = tokens(membersOf(outputDetails).reasoning_tokens);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    totalTokens: tokens(total) ?? (inputTokens ?? 0) + (outputTokens ?? 0),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? value : {};
}

function tokens(count: unknown): number | undefined {
  return typeof count === "number" && Number.isFinite(count) && count >= 0 ? count : undefined;
}
