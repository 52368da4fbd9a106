/** Reads tokens and model out of an answer that passes. */
import type { Usage, UsageScanner } from "../../contract.ts";
import { BodyError } from "../../errors.ts";
import { asBuffer } from "./as-buffer.ts";
import { BRACE_OPEN, ZERO, isDigit } from "./json-bytes.ts";
import { scanMembers, wantedNames, type WantedNames } from "./json-scan.ts";
import { member, MemberSearch, stringReader, type ValueReader } from "./member-search.ts";

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

  readonly #usages = new MemberSearch(
    usageMember,
    usageReader((usage) => {
      this.usage = usage;
    }),
  );

  readonly #models = new MemberSearch(
    modelMember,
    stringReader((model) => {
      if (model !== "") this.model = model; // Azure begins with an empty one
      return this.model !== undefined;
    }),
  );

  push(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    this.#usages.push(bytes);
    this.#models.push(bytes);
  }
}

/** Not called for whatever else is called usage: a schema of a tool, the seconds of a recording. */
function usageReader(found: (usage: Usage) => void): ValueReader {
  let usage: Usage | undefined;
  const take = (read: Usage | undefined): void => {
    usage = read;
  };
  return {
    read(bytes, start) {
      try {
        return readUsage(bytes, start, take);
      } catch (error) {
        if (BodyError.is(error)) return -1;
        throw error;
      }
    },
    keep() {
      if (usage) found(usage);
      return false;
    },
  };
}

/** -1: not said. */
class Counts {
  input = -1;
  output = -1;
  cached = -1;
  reasoning = -1;
}

/** Of chat and completions, and of everything newer. */
const chatNames = ["prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details"];
const newerNames = ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details"];
const names = wantedNames("total_tokens", ...chatNames, ...newerNames);
const cachedTokens = wantedNames("cached_tokens");
const reasoningTokens = wantedNames("reasoning_tokens");

/** The last of two members counts, as in JSON.parse. */
function readUsage(json: Buffer, open: number, take: (usage: Usage | undefined) => void): number {
  const chat = new Counts();
  const newer = new Counts();
  let total = -1;
  const behind = scanMembers(json, open, names, (name, start, end) => {
    const counts = chatNames.includes(name) ? chat : newer;
    switch (name) {
      case "prompt_tokens":
      case "input_tokens":
        counts.input = count(json, start, end);
        break;
      case "completion_tokens":
      case "output_tokens":
        counts.output = count(json, start, end);
        break;
      case "prompt_tokens_details":
      case "input_tokens_details":
        counts.cached = detail(json, start, cachedTokens);
        break;
      case "completion_tokens_details":
      case "output_tokens_details":
        counts.reasoning = detail(json, start, reasoningTokens);
        break;
      default:
        total = count(json, start, end);
    }
  });
  const counts = chat.input >= 0 || chat.output >= 0 ? chat : newer;
  take(counts.input >= 0 || counts.output >= 0 ? usageOf(counts, total) : undefined);
  return behind;
}

function usageOf({ input, output, cached, reasoning }: Counts, total: number): Usage {
  const inputTokens = Math.max(input, 0);
  const outputTokens = Math.max(output, 0);
  const usage: Mutable<Usage> = {
    inputTokens,
    outputTokens,
    totalTokens: total < 0 ? inputTokens + outputTokens : total,
  };
  if (cached >= 0) usage.cachedInputTokens = cached;
  if (reasoning >= 0) usage.reasoningTokens = reasoning;
  return usage;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** -1: there is none. */
function detail(json: Buffer, open: number, wanted: WantedNames): number {
  let last = -1;
  if (json[open] === BRACE_OPEN)
    scanMembers(json, open, wanted, (_name, start, end) => {
      last = count(json, start, end);
    });
  return last;
}

/** -1: it is no number that counts anything. The text was checked, so that its first byte tells what it is. */
function count(json: Buffer, start: number, end: number): number {
  if (!isDigit(json[start] ?? 0)) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const byte = json[at] ?? 0;
    // Of a fraction, an exponent or more digits than are exact.
    if (!isDigit(byte) || number > EXACT) return finite(Number(json.toString("latin1", start, end)));
    number = number * 10 + byte - ZERO;
  }
  return number;
}

function finite(number: number): number {
  return Number.isFinite(number) ? number : -1;
}

const EXACT = 1e14;
