/** The head of an answer as the client gets it: what the upstream said, without what is not for the client. */
import { HeaderList } from "@keybearer/providers";
import type { Backend } from "./backend.ts";
import type { UpstreamAnswer } from "./dispatch.ts";
import { connectionNames, HOP_BY_HOP } from "./hop-by-hop.ts";
import type { Transaction } from "./transaction.ts";

const NEVER_RELAYED = new Set([
  ...HOP_BY_HOP,
  "proxy-authenticate",
  // Ours stands in its place.
  "x-request-id",
  // Says where the upstream itself can be reached.
  "alt-svc",
]);

/** Says whose key served: its name, never more. */
const KEY_HEADER = "keybearer-key";

const ACCOUNT_HEADERS = new Set(["openai-organization", "openai-project", "anthropic-organization-id"]);

/** Name, value, name, value. */
export function answerHead(
  { status, headers: incoming }: Pick<UpstreamAnswer, "status" | "headers">,
  backend: Backend,
  { requestId, answerHeaders, ownsCors, streaming, key }: Transaction,
): readonly string[] {
  const guarded = backend.ai !== undefined || backend.credentials.length > 0;
  const isOwnKey = key !== undefined && key.source !== "passthrough";
  const named = connectionNames(incoming);
  const removed = (name: string): boolean =>
    NEVER_RELAYED.has(name) ||
    named?.has(name) === true ||
    // A cookie of the provider's account is nothing for its gateway's callers, nor is the account's name.
    (guarded && name === "set-cookie") ||
    (isOwnKey && ACCOUNT_HEADERS.has(name)) ||
    (backend.tellsKey && name === KEY_HEADER) ||
    // Events may be taken out, and should the stream break, an event of ours is its last. None with a 204: RFC 9110 section 8.6.
    ((streaming || status === 204) && name === "content-length") ||
    (ownsCors && name.startsWith("access-control-"));
  const head = new HeaderList();
  head.append("x-request-id", requestId);
  head.appendFrom(incoming, (name) => !removed(name));
  if (backend.tellsKey && key) head.append(KEY_HEADER, key.name);
  for (let index = 0; index < answerHeaders.length; index += 2)
    head.append(answerHeaders[index] ?? "", answerHeaders[index + 1] ?? "");
  backend.editResponse?.(head);
  return head.toFlat();
}
