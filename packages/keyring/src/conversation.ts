/** Whose conversation is this? What clients say of it, from the most to the least trusted. */
import { mix, type Hash } from "./hash.ts";

/** What of a request's body may tell. */
export interface ConversationFacts {
  /** Anthropic's `metadata.user_id`. */
  readonly userId?: string | undefined;
  readonly promptCacheKey?: string | undefined;
  /** `conversation`, or its `id`. */
  readonly conversation?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly previousResponseId?: string | undefined;
}

/** As coding agents and SDKs send them; the older spelling after the newer. */
const strongest = "x-claude-code-session-id";
const headerNames = [
  "session-id",
  "session_id",
  "x-session-id",
  "x-session-affinity",
  "x-opencode-session",
  "x-amp-thread-id",
  "x-grok-conv-id",
] as const;

/**
 * The first identity that has a sane form: 1 to 256 printable ASCII characters. Undefined: none. It decides nothing but
 * which key serves, and only within one caller's requests. `x-client-request-id` is one request's name, so it is not asked.
 */
export function conversationIdentity(
  header: (name: string) => string | undefined,
  body: ConversationFacts = {},
): string | undefined {
  const first = valid(header(strongest)) ?? valid(sessionIn(body.userId));
  if (first !== undefined) return first;
  for (const name of headerNames) {
    const identity = valid(header(name));
    if (identity !== undefined) return identity;
  }
  return (
    valid(body.promptCacheKey) ??
    valid(body.conversation) ??
    valid(body.conversationId) ??
    valid(body.previousResponseId)
  );
}

/**
 * A name for a conversation that has none: a hash of what all of its requests begin with (system prompt, tools, first user
 * turn), in that order. Undefined for no bytes.
 */
export function openingHash(parts: Uint8Array | readonly Uint8Array[]): string | undefined {
  const list = parts instanceof Uint8Array ? [parts] : parts;
  const hash: Hash = { first: 0x2545f491, second: 0x6c078965 };
  let length = 0;
  for (const part of list) {
    hashBytes(part, hash);
    // So that two parts are not the same as one.
    hash.first = Math.imul(hash.first ^ part.length, 0x9e3779b1);
    length += part.length;
  }
  if (length === 0) return undefined;
  const halves = [mix(hash.first ^ (hash.second >>> 13)), mix(hash.second ^ (hash.first >>> 13))];
  return `opening:${halves.map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("")}`;
}

function hashBytes(bytes: Uint8Array, hash: Hash): void {
  let { first, second } = hash;
  for (const byte of bytes) {
    first = Math.imul(first ^ byte, 0x9e3779b1);
    second = Math.imul(second ^ byte, 0x5f356495);
    first ^= first >>> 15;
    second ^= second >>> 13;
  }
  hash.first = first;
  hash.second = second;
}

function valid(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed !== undefined && /^[\x20-\x7e]{1,256}$/.test(trimmed) ? trimmed : undefined;
}

/** `{"session_id":"..."}`, or the older `user_..._account_..._session_...`. What names only a user is no conversation. */
function sessionIn(userId: string | undefined): string | undefined {
  if (userId === undefined || userId.length > 1_024) return undefined;
  const older = /_session_([\w-]+)$/.exec(userId);
  if (older !== null) return older[1];
  if (!userId.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(userId);
    const session: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "session_id") : undefined;
    return typeof session === "string" ? session : undefined;
  } catch {
    return undefined;
  }
}
