/** An answer as an endpoint describes it, before pace and faults put it on the wire. */

export type HeaderValues = Readonly<Record<string, string | readonly string[]>>;

/** Bytes that are sent at once with their length, or server-sent events that are sent one by one. */
export type ReplyBody =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  /** Made while they are sent, so that a stream of a million events needs no memory. `named`: events carry `event:`. */
  | { readonly kind: "events"; readonly events: Iterable<string>; readonly named: boolean };

export interface Reply {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: ReplyBody;
}

export function jsonReply(value: unknown, status = 200, headers: HeaderValues = {}): Reply {
  return bytesReply(Buffer.from(JSON.stringify(value)), "application/json", status, headers);
}

export function bytesReply(bytes: Buffer, contentType: string, status = 200, headers: HeaderValues = {}): Reply {
  return { status, headers: { "content-type": contentType, ...headers }, body: { kind: "bytes", bytes } };
}

export function eventsReply(events: Iterable<string>, named = false): Reply {
  return {
    status: 200,
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    body: { kind: "events", events, named },
  };
}

export function dataEvent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

export function namedEvent(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
}

export function withHeaders(reply: Reply, headers: HeaderValues): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
