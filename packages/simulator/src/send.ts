/** The usual way of an answer: node:http frames it, the pace spaces its events, a slow client slows it. */
import type { ServerResponse } from "node:http";
import { eventDelayMs, Pace, writeAll } from "./pace.ts";
import type { AnswerOptions } from "./options.ts";
import type { RecordEntry } from "./record.ts";
import type { Reply } from "./reply.ts";

export async function sendReply(
  response: ServerResponse,
  reply: Reply,
  answer: AnswerOptions,
  entry: RecordEntry,
  signal: AbortSignal,
  splitEvery: number | undefined,
): Promise<void> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(reply.headers))
    headers[name] = typeof value === "string" ? value : [...value];
  if (reply.body.kind === "bytes") {
    const { bytes } = reply.body;
    entry.answered = true;
    response.writeHead(reply.status, { ...headers, "content-length": bytes.length }).end(bytes);
    return;
  }
  response.writeHead(reply.status, headers);
  response.flushHeaders();
  const pace = new Pace(eventDelayMs(answer));
  for (const event of reply.body.events) {
    await pace.next(signal);
    if (splitEvery === undefined) await writeAll(response, event, signal);
    else await writePieces(response, Buffer.from(event), splitEvery, signal);
    if (signal.aborted) return;
    entry.eventsSent++;
  }
  entry.answered = true;
  response.end();
}

async function writePieces(response: ServerResponse, event: Buffer, every: number, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < event.length && !signal.aborted; at += every) {
    await writeAll(response, event.subarray(at, at + every), signal);
    // A turn of the event loop, so that each piece is a write of its own on the socket.
    await new Promise((done) => setImmediate(done));
  }
}
