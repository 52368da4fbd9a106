/** What a request's body says about the conversation that it belongs to. */
import { BodyError } from "../../errors.ts";
import { asBuffer } from "./as-buffer.ts";
import { BRACE_OPEN, BRACKET_OPEN, QUOTE } from "./json-bytes.ts";
import { scanElements, scanObject, wantedNames, type JsonMember } from "./json-scan.ts";

/** As `conversationIdentity` and `openingHash` of @keybearer/keyring take it. */
export interface BodyConversation {
  readonly promptCacheKey: string | undefined;
  /** `conversation`, or its `id`. */
  readonly conversation: string | undefined;
  readonly conversationId: string | undefined;
  readonly previousResponseId: string | undefined;
  /** `metadata.user_id`. */
  readonly userId: string | undefined;
  /** What all requests of the conversation begin with: instructions, tools, and the turns up to the first of the user. */
  readonly opening: readonly Uint8Array[];
}

const names = wantedNames(
  "prompt_cache_key",
  "conversation",
  "conversation_id",
  "previous_response_id",
  "metadata",
  "instructions",
  "system",
  "tools",
  "messages",
  "input",
);
const innerNames = { id: wantedNames("id"), user_id: wantedNames("user_id"), role: wantedNames("role") };
type InnerName = keyof typeof innerNames;

/** Longer names of a conversation are none. */
const valueLimitBytes = 4_096;
/** A conversation in which the user does not speak so early has no opening beyond these. */
const openingTurns = 16;

/** One pass over the body, without parsing it. Nothing is found in what is no JSON object; never throws. */
export function readConversation(body: Uint8Array): BodyConversation {
  const json = asBuffer(body);
  try {
    const { members } = scanObject(json, names);
    // The last of two members counts, as in JSON.parse.
    const of = (name: string) => members.findLast((member) => member.name === name);
    return {
      promptCacheKey: textOf(json, of("prompt_cache_key")),
      conversation: textOf(json, of("conversation"), "id"),
      conversationId: textOf(json, of("conversation_id")),
      previousResponseId: textOf(json, of("previous_response_id")),
      userId: textOf(json, of("metadata"), "user_id"),
      opening: [
        ...[of("instructions"), of("system"), of("tools")].flatMap((member) => bytesOf(json, member)),
        ...firstTurns(json, of("messages") ?? of("input")),
      ],
    };
  } catch (error) {
    if (BodyError.is(error)) return nothing;
    throw error;
  }
}

const nothing: BodyConversation = Object.freeze({
  promptCacheKey: undefined,
  conversation: undefined,
  conversationId: undefined,
  previousResponseId: undefined,
  userId: undefined,
  opening: [],
});

function firstTurns(json: Buffer, turns: JsonMember | undefined): Uint8Array[] {
  if (turns === undefined) return [];
  if (json[turns.start] !== BRACKET_OPEN) return bytesOf(json, turns);
  const found: Uint8Array[] = [];
  scanElements(json, turns.start, (start, end) => {
    found.push(json.subarray(start, end));
    return found.length < openingTurns && memberText(json.subarray(start, end), "role") !== "user";
  });
  return found;
}

/** A string, or the string that stands under `inner` in an object. */
function textOf(json: Buffer, member: JsonMember | undefined, inner?: InnerName): string | undefined {
  if (member === undefined || member.end - member.start > valueLimitBytes) return undefined;
  const value = json.subarray(member.start, member.end);
  if (value[0] === QUOTE) return inner === "user_id" ? undefined : parseText(value);
  return inner === undefined ? undefined : memberText(value, inner);
}

function memberText(json: Buffer, name: InnerName): string | undefined {
  if (json[0] !== BRACE_OPEN) return undefined;
  const member = scanObject(json, innerNames[name]).members.at(-1);
  return member && json[member.start] === QUOTE ? parseText(json.subarray(member.start, member.end)) : undefined;
}

function parseText(json: Buffer): string | undefined {
  const value: unknown = JSON.parse(json.toString());
  return typeof value === "string" ? value : undefined;
}

function bytesOf(json: Buffer, member: JsonMember | undefined): Uint8Array[] {
  return member === undefined ? [] : [json.subarray(member.start, member.end)];
}
