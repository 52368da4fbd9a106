/** Which keys are good, and how much each may still do. */
import { errorReply, maskKey } from "./openai-error.ts";
import type { HeaderValues, Reply } from "./reply.ts";

/** How many requests a key may make. `requestsPerMinute` counts a window of 60 s; `remaining` is used up for good. */
export interface KeyLimit {
  readonly requestsPerMinute?: number | undefined;
  readonly remaining?: number | undefined;
  /** Answered as `retry-after`; without it, the rest of the window. */
  readonly retryAfterSeconds?: number | undefined;
}

/** A key and what it may do. */
export interface KeyRule extends KeyLimit {
  readonly key: string;
  /** 401, like a key that never was. */
  readonly revoked?: boolean | undefined;
  /** 429 `insufficient_quota`: the account has no money left. */
  readonly insufficientQuota?: boolean | undefined;
}

interface KeyState {
  rule: KeyRule;
  used: number;
  windowStartedAt: number;
  windowUsed: number;
}

/** A refusal, or the rate-limit headers that go with the answer. */
export interface KeyVerdict {
  readonly refusal: Reply | undefined;
  readonly headers: HeaderValues;
}

const WINDOW_MS = 60_000;
const UNLIMITED: HeaderValues = {
  "x-ratelimit-limit-requests": "10000",
  "x-ratelimit-remaining-requests": "9999",
  "x-ratelimit-reset-requests": "6ms",
  "x-ratelimit-limit-tokens": "2000000",
  "x-ratelimit-remaining-tokens": "1999980",
  "x-ratelimit-reset-tokens": "0s",
};

export class KeyBook {
  readonly #states = new Map<string, KeyState>();
  readonly #anonymous: boolean;
  readonly #echoKey: boolean;
  readonly #now: () => number;
  #anyKey = true;

  constructor(options: { anonymous: boolean; echoKey: boolean; now: () => number }) {
    this.#anonymous = options.anonymous;
    this.#echoKey = options.echoKey;
    this.#now = options.now;
  }

  set(keys: readonly (string | KeyRule)[] | undefined): void {
    this.#states.clear();
    this.#anyKey = keys === undefined;
    for (const key of keys ?? []) this.add(key);
  }

  add(key: string | KeyRule): void {
    const rule = typeof key === "string" ? { key } : key;
    this.#states.set(rule.key, { rule, used: 0, windowStartedAt: 0, windowUsed: 0 });
  }

  revoke(key: string): void {
    this.add({ ...this.#states.get(key)?.rule, key, revoked: true });
  }

  limit(key: string, limit: KeyLimit): void {
    this.add({ ...this.#states.get(key)?.rule, ...limit, key });
  }

  /** Counts the request against its key. */
  check(key: string | undefined, model: string | undefined): KeyVerdict {
    if (key === undefined) {
      return { refusal: this.#anonymous ? undefined : missingKey(), headers: {} };
    }
    const state = this.#states.get(key);
    if (state === undefined) {
      return this.#anyKey ? { refusal: undefined, headers: UNLIMITED } : { refusal: this.#wrongKey(key), headers: {} };
    }
    if (state.rule.revoked === true) return { refusal: this.#wrongKey(key), headers: {} };
    if (state.rule.insufficientQuota === true) return { refusal: insufficientQuota(), headers: {} };
    return this.#count(state, model);
  }

  #count(state: KeyState, model: string | undefined): KeyVerdict {
    const { requestsPerMinute, remaining, retryAfterSeconds } = state.rule;
    if (requestsPerMinute === undefined && remaining === undefined) return { refusal: undefined, headers: UNLIMITED };
    const now = this.#now();
    if (now - state.windowStartedAt >= WINDOW_MS) {
      state.windowStartedAt = now;
      state.windowUsed = 0;
    }
    const limit = requestsPerMinute ?? remaining ?? 0;
    const left = Math.min((requestsPerMinute ?? Infinity) - state.windowUsed, (remaining ?? Infinity) - state.used);
    const resetMs =
      retryAfterSeconds === undefined ? state.windowStartedAt + WINDOW_MS - now : retryAfterSeconds * 1000;
    const headers = rateHeaders(limit, Math.max(0, left - 1), resetMs);
    if (left <= 0) return { refusal: rateLimited(limit, model, resetMs, headers), headers: {} };
    state.used++;
    state.windowUsed++;
    return { refusal: undefined, headers };
  }

  #wrongKey(key: string): Reply {
    const shown = this.#echoKey ? key : maskKey(key);
    const message = `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`;
    return errorReply(401, { message, code: "invalid_api_key" });
  }
}

function missingKey(): Reply {
  const message =
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
  return errorReply(401, { message }, { "www-authenticate": 'Basic realm="OpenAI API"' });
}

function insufficientQuota(): Reply {
  const message = "You exceeded your current quota, please check your plan and billing details.";
  return errorReply(429, { message, type: "insufficient_quota", code: "insufficient_quota" });
}

function rateHeaders(limit: number, left: number, resetMs: number): HeaderValues {
  return {
    ...UNLIMITED,
    "x-ratelimit-limit-requests": String(limit),
    "x-ratelimit-remaining-requests": String(left),
    "x-ratelimit-reset-requests": goDuration(resetMs),
  };
}

function rateLimited(limit: number, model: string | undefined, resetMs: number, headers: HeaderValues): Reply {
  const message = `Rate limit reached for ${model ?? "requests"} in organization org-simulated on requests per min (RPM): Limit ${limit}, Used ${limit}, Requested 1. Please try again in ${goDuration(resetMs)}.`;
  return errorReply(
    429,
    { message, type: "requests", code: "rate_limit_exceeded" },
    { ...headers, "retry-after": String(Math.ceil(resetMs / 1000)), "retry-after-ms": String(Math.ceil(resetMs)) },
  );
}

/** As OpenAI writes a duration: `12ms`, `1.5s`, `6m0s`. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round(ms - minutes * 60_000) / 1000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
