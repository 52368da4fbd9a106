/** What a simulator can be told at start, and what a single answer can be told. */
import type { KeyRule } from "./keys.ts";

/** How an answer is made: for the whole server, for a model, or for one request by the header `x-simulate`. */
export interface AnswerOptions {
  /** Milliseconds between the end of the request and the head of the answer. */
  readonly latencyMs?: number | undefined;
  /** Milliseconds between two events of a stream. */
  readonly delayMs?: number | undefined;
  /** Events of a stream per second; takes the place of `delayMs`. */
  readonly tokensPerSecond?: number | undefined;
  /** How many text events a stream has. The text is repeated or cut to fit; each event counts as one token. */
  readonly events?: number | undefined;
  /** The text that is answered, instead of one that echoes what was asked. */
  readonly text?: string | undefined;
  /** How many of the prompt's tokens the usage reports as read from the cache. */
  readonly cachedTokens?: number | undefined;
  /** How many of the answer's tokens the usage reports as reasoning. */
  readonly reasoningTokens?: number | undefined;
}

export interface SimulatorOptions extends AnswerOptions {
  /** 0, the default, takes a free port. */
  readonly port?: number | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The keys that are good. Undefined: any key is. */
  readonly keys?: readonly (string | KeyRule)[] | undefined;
  /** A request without a key is served, too. Default false: 401. */
  readonly anonymous?: boolean | undefined;
  /** The 401 for a bad key repeats the whole key, as careless providers do. Default false: masked, as OpenAI does. */
  readonly echoKey?: boolean | undefined;
  /** The models there are; another one is 404 `model_not_found`. Undefined: any model is served. */
  readonly models?: readonly string[] | undefined;
  /** How the answers of one model are made, where it differs. Default: the model `slow` waits 500 ms, then 200 ms an event. */
  readonly answersByModel?: Readonly<Record<string, AnswerOptions>> | undefined;
  /** Answered as `openai-organization`. Default `org-simulated`. */
  readonly organization?: string | undefined;
  /** Path prefixes under which the endpoints stand. Default `["/v1", ""]`. */
  readonly basePaths?: readonly string[] | undefined;
  /** How many requests are kept in `requests`; older ones are dropped. Default 1000. */
  readonly recordLimit?: number | undefined;
  /** A longer body is answered 413. Default 64 MiB. */
  readonly bodyLimitBytes?: number | undefined;
  /** Milliseconds after which an idle connection is closed. 0, the default: never. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Milliseconds since the epoch, for `created` fields and rate windows. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Those of the options that say how an answer is made. */
export function answerOptions(options: SimulatorOptions): AnswerOptions {
  const { latencyMs, delayMs, tokensPerSecond, events, text, cachedTokens, reasoningTokens } = options;
  return { latencyMs, delayMs, tokensPerSecond, events, text, cachedTokens, reasoningTokens };
}

const WHOLE_NUMBERS = new Map<string, keyof AnswerOptions>([
  ["latency-ms", "latencyMs"],
  ["delay-ms", "delayMs"],
  ["tokens-per-second", "tokensPerSecond"],
  ["events", "events"],
  ["cached-tokens", "cachedTokens"],
  ["reasoning-tokens", "reasoningTokens"],
]);

/** What the header `x-simulate` asked for: answer options, and a status to fail with. */
export interface SimulateHeader {
  readonly answer: AnswerOptions;
  readonly status: number | undefined;
}

/** Reads `x-simulate: delay-ms=40, events=10, text=percent%20encoded, status=503`; what it does not know it ignores. */
export function readSimulateHeader(header: string | undefined): SimulateHeader {
  const answer: Record<string, number | string> = {};
  let status: number | undefined;
  for (const part of (header ?? "").split(",")) {
    const [name = "", value = ""] = part.split("=", 2).map((text) => text.trim());
    const field = WHOLE_NUMBERS.get(name);
    if (field !== undefined && /^\d{1,9}$/.test(value)) answer[field] = Number(value);
    else if (name === "status" && /^[2-5]\d\d$/.test(value)) status = Number(value);
    else if (name === "text") answer["text"] = percentDecoded(value);
  }
  return { answer, status };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
