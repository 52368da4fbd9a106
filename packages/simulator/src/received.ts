/** From node:http's request to the record's: what was sent, as it was sent. */
import type { IncomingMessage } from "node:http";
import type { RecordEntry } from "./record.ts";

const NO_BODY = Buffer.alloc(0);

export function receivedRequest(
  incoming: IncomingMessage,
  connection: number,
  requestOnConnection: number,
  receivedAt: number,
): RecordEntry {
  const target = incoming.url ?? "";
  const mark = target.indexOf("?");
  const query = mark === -1 ? "" : target.slice(mark + 1);
  const headers = joinedHeaders(incoming.rawHeaders);
  return {
    method: incoming.method ?? "",
    path: mark === -1 ? target : target.slice(0, mark),
    query,
    rawHeaders: incoming.rawHeaders,
    headers,
    body: NO_BODY,
    bodyComplete: false,
    key: presentedKey(headers, query),
    receivedAt,
    connection,
    requestOnConnection,
    aborted: false,
    answered: false,
    eventsSent: 0,
  };
}

/** node:http drops the second of some repeated headers; here nothing is lost. */
function joinedHeaders(rawHeaders: readonly string[]): Record<string, string> {
  // A map, because `__proto__` is a header's name like any other.
  const headers = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const value = rawHeaders[index + 1] ?? "";
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return Object.fromEntries(headers);
}

function presentedKey(headers: Readonly<Record<string, string>>, query: string): string | undefined {
  const bearer = /^bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1];
  const header = bearer ?? headers["x-api-key"] ?? headers["api-key"] ?? headers["x-goog-api-key"];
  if (header !== undefined || query === "") return header;
  return new URLSearchParams(query).get("key") ?? undefined;
}
