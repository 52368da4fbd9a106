/** Faults that are answers: they change what is said, and leave the wire alone. */
import type { Fault } from "./faults.ts";
import { openAIError, statusReply, type OpenAIError } from "./openai-error.ts";
import type { ReceivedRequest } from "./record.ts";
import { bytesReply, dataEvent, jsonReply, namedEvent, withHeaders, type Reply } from "./reply.ts";

/** An answer that takes the place of the endpoint's; undefined for all other faults. */
export function replyInstead(fault: Fault, request: ReceivedRequest): Reply | undefined {
  if (fault.kind === "status") {
    const retry = fault.retryAfterSeconds === undefined ? {} : { "retry-after": String(fault.retryAfterSeconds) };
    const headers = { ...retry, ...fault.headers };
    if (fault.body === undefined) return statusReply(fault.status, headers);
    return bytesReply(Buffer.from(fault.body), "application/json", fault.status, headers);
  }
  if (fault.kind === "redirect") {
    return bytesReply(Buffer.alloc(0), "text/plain", fault.status ?? 307, { location: fault.location });
  }
  if (fault.kind === "early-answer") return statusReply(fault.status ?? 413);
  return fault.kind === "echo" ? echo(request) : undefined;
}

/** The endpoint's answer, changed; the same for all other faults. */
export function changedReply(fault: Fault, reply: Reply): Reply {
  if (fault.kind === "headers") return withHeaders(reply, fault.headers);
  if (fault.kind === "huge-headers") {
    const value = "h".repeat(fault.bytes);
    const names = Array.from({ length: fault.count ?? 1 }, (_, index) => `x-huge-${index + 1}`);
    return withHeaders(reply, Object.fromEntries(names.map((name) => [name, value])));
  }
  if (fault.kind !== "error-event" || reply.body.kind !== "events") return reply;
  const { events, named } = reply.body;
  const message = "The server had an error while processing your request.";
  const last = errorEvent(openAIError({ message, type: "server_error", ...fault.error }), named);
  return { ...reply, body: { kind: "events", events: failing(events, fault.afterEvents, last), named } };
}

function echo(request: ReceivedRequest): Reply {
  const pairs: [string, string][] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    pairs.push([request.rawHeaders[index] ?? "", request.rawHeaders[index + 1] ?? ""]);
  }
  const url = request.query === "" ? request.path : `${request.path}?${request.query}`;
  const told = { method: request.method, url, headers: pairs, body: request.body.toString("utf8") };
  return jsonReply(
    told,
    200,
    Object.fromEntries(pairs.map(([name, value]) => [`x-echo-${name.toLowerCase()}`, value])),
  );
}

function* failing(events: Iterable<string>, afterEvents: number, last: string): Generator<string> {
  let sent = 0;
  for (const event of events) {
    if (sent === afterEvents) break;
    yield event;
    sent++;
  }
  yield last;
}

/** Chat streams carry `data: {"error": ...}`; the Responses API names the event and has its fields flat. */
function errorEvent(error: OpenAIError, named: boolean): string {
  if (!named) return dataEvent({ error });
  const { code, message, param } = error;
  return namedEvent("error", { type: "error", code, message, param, sequence_number: 0 });
}
