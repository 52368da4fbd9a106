/** Reads tokens and model out of an answer that passes. */
import type { Usage, UsageScanner } from "../../contract.ts";
import { BodyError } from "../../errors.ts";
import { scanObject, wantedNames, type JsonMember, type WantedNames } from "./json-scan.ts";
import { member, MemberSearch, stringAt } from "./member-search.ts";

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

  readonly #usages = new MemberSearch(usageMember, (bytes, start, end) => {
    this.usage = usageOf(bytes.subarray(start, end)) ?? this.usage;
    return false;
  });

  readonly #models = new MemberSearch(modelMember, (bytes, start, end) => {
    const model = stringAt(bytes, start, end);
    if (model !== "") this.model = model; // Azure begins with an empty one
    return this.model !== undefined;
  });

  push(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#usages.push(bytes);
    this.#models.push(bytes);
  }
}

/** As chat and completions call them, and as everything newer does. */
const chatNames = {
  input: "prompt_tokens",
  inputDetails: "prompt_tokens_details",
  output: "completion_tokens",
  outputDetails: "completion_tokens_details",
};
const newerNames: typeof chatNames = {
  input: "input_tokens",
  inputDetails: "input_tokens_details",
  output: "output_tokens",
  outputDetails: "output_tokens_details",
};
const names = wantedNames("total_tokens", ...Object.values(chatNames), ...Object.values(newerNames));
const cached = wantedNames("cached_tokens");
const reasoning = wantedNames("reasoning_tokens");

/** Undefined for whatever else is called usage: a schema of a tool, the seconds of a recording, no JSON at all. */
function usageOf(json: Buffer): Usage | undefined {
  const members = membersOf(json, names);
  return members && (read(json, members, chatNames) ?? read(json, members, newerNames));
}

function read(
  json: Buffer,
  members: Members,
  { input, inputDetails, output, outputDetails }: typeof chatNames,
): Usage | undefined {
  const inputTokens = count(json, last(members, input));
  const outputTokens = count(json, last(members, output));
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const cachedInputTokens = detail(json, last(members, inputDetails), cached);
  const reasoningTokens = detail(json, last(members, outputDetails), reasoning);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    totalTokens: count(json, last(members, "total_tokens")) ?? (inputTokens ?? 0) + (outputTokens ?? 0),
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

type Members = readonly JsonMember[];

function membersOf(json: Buffer, wanted: WantedNames): Members | undefined {
  try {
    return scanObject(json, wanted).members;
  } catch (error) {
    if (BodyError.is(error)) return undefined;
    throw error;
  }
}

/** The last of two members counts, as in JSON.parse. */
function last(members: Members, name: string): JsonMember | undefined {
  for (let index = members.length - 1; index >= 0; index--) if (members[index]?.name === name) return members[index];
  return undefined;
}

function detail(json: Buffer, details: JsonMember | undefined, wanted: WantedNames): number | undefined {
  if (details === undefined || json[details.start] !== BRACE_OPEN) return undefined;
  const inside = json.subarray(details.start, details.end);
  return count(inside, membersOf(inside, wanted)?.at(-1));
}

/** Not negative. The text was checked, so that its first byte tells what it is. */
function count(json: Buffer, member: JsonMember | undefined): number | undefined {
  if (member === undefined || !isDigit(json[member.start] ?? 0)) return undefined;
  let number = 0;
  for (let at = member.start; at < member.end; at++) {
    const byte = json[at] ?? 0;
    // Of a fraction, an exponent or more digits than are exact.
    if (!isDigit(byte) || number > EXACT) return finite(Number(json.toString("latin1", member.start, member.end)));
    number = number * 10 + byte - ZERO;
  }
  return number;
}

function finite(number: number): number | undefined {
  return Number.isFinite(number) ? number : undefined;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

const EXACT = 1e14;
const BRACE_OPEN = 0x7b;
const ZERO = 0x30;
