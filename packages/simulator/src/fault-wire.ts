/** Faults of the wire: the answer is written on the socket by hand, so that it can be wrong in every way. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Fault } from "./faults.ts";
import { pause, writeAll } from "./pace.ts";
import type { RecordEntry } from "./record.ts";
import type { Reply } from "./reply.ts";

/** How much of an answer is sent, and how it ends. */
interface WirePlan {
  readonly head: boolean;
  readonly afterEvents: number;
  readonly afterBytes: number;
  /** Added to `content-length`. */
  readonly lengthBy: number;
  readonly ending: "reset" | "stall" | "close" | "half-close" | "discard" | "complete";
  /** Bytes a write and milliseconds between two. */
  readonly drip?: { readonly bytes: number; readonly delayMs: number };
}

const WHOLE = { head: true, afterEvents: Infinity, afterBytes: Infinity, lengthBy: 0 };
const HEADLESS = { head: false, afterEvents: 0, afterBytes: 0, lengthBy: 0 };

/** Undefined for a fault that leaves the wire alone. */
export function wirePlan(fault: Fault): WirePlan | undefined {
  switch (fault.kind) {
    case "reset-before-head":
      return { ...HEADLESS, ending: "reset" };
    case "reset-after-head":
      return { ...WHOLE, afterEvents: 0, ending: "reset" };
    case "reset-after-events":
      return { ...WHOLE, afterEvents: fault.afterEvents, ending: "reset" };
    case "stall-before-head":
      return { ...HEADLESS, ending: "stall" };
    case "stall-after-events":
      return { ...WHOLE, afterEvents: fault.afterEvents, ending: "stall" };
    case "stall-after-bytes":
      return { ...WHOLE, afterBytes: fault.afterBytes, ending: "stall" };
    case "truncate":
      return { ...WHOLE, afterEvents: fault.afterEvents ?? Infinity, ending: "close" };
    case "wrong-length":
      return { ...WHOLE, lengthBy: fault.by, ending: "stall" };
    case "half-close":
      if (fault.afterEvents === undefined) return { ...HEADLESS, ending: "half-close" };
      return { ...WHOLE, afterEvents: fault.afterEvents, ending: "half-close" };
    case "early-answer":
      return { ...WHOLE, ending: "discard" };
    case "slow-drip":
      return { ...WHOLE, ending: "complete", drip: { bytes: fault.bytes ?? 1, delayMs: fault.delayMs ?? 1 } };
    case "none":
    case "status":
    case "redirect":
    case "headers":
    case "huge-headers":
    case "echo":
    case "error-event":
    case "split":
    case "flood-1xx":
    case "garbage":
    default:
      return undefined;
  }
}

/** Writes as much of the answer as planned, paced by `eventDelayMs`, and ends the connection as planned. */
export async function sendOnWire(
  socket: Socket,
  reply: Reply,
  plan: WirePlan,
  entry: RecordEntry,
  eventDelayMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const bytes of wireBytes(reply, plan, entry)) {
    if (plan.drip === undefined) await writeAll(socket, bytes, signal);
    else await dripAll(socket, Buffer.from(bytes), plan.drip, signal);
    if (eventDelayMs > 0) await pause(eventDelayMs, signal);
    if (signal.aborted) return;
  }
  await endAs(socket, plan.ending, entry);
}

/** Bytes that are no HTTP, then the end. */
export async function sendGarbage(socket: Socket, bytes: string | Buffer, entry: RecordEntry): Promise<void> {
  socket.write(bytes);
  await endAs(socket, "close", entry);
}

function* wireBytes(reply: Reply, plan: WirePlan, entry: RecordEntry): Generator<string | Buffer> {
  if (!plan.head) return;
  const { body } = reply;
  if (body.kind === "bytes") {
    const { bytes } = body;
    yield headText(reply, `content-length: ${bytes.length + plan.lengthBy}`, isWhole(plan));
    const complete = isWhole(plan) || plan.lengthBy !== 0 || plan.afterBytes !== Infinity;
    // One event, of which a fault that cuts leaves half: never an answer that could be taken for whole.
    const shown = complete ? bytes.length : plan.afterEvents > 0 ? Math.floor(bytes.length / 2) : 0;
    yield bytes.subarray(0, Math.min(shown, plan.afterBytes));
    return;
  }
  const framing = plan.lengthBy === 0 ? "transfer-encoding: chunked" : `content-length: ${Math.max(0, plan.lengthBy)}`;
  yield headText(reply, framing, isWhole(plan));
  let bytesLeft = plan.afterBytes;
  for (const event of body.events) {
    if (entry.eventsSent >= plan.afterEvents || bytesLeft <= 0) return;
    const payload = Buffer.from(event);
    const shown = payload.subarray(0, Math.min(payload.length, bytesLeft));
    bytesLeft -= shown.length;
    entry.eventsSent++;
    yield plan.lengthBy === 0 ? chunk(shown) : shown;
  }
  if (isWhole(plan)) yield "0\r\n\r\n";
}

function isWhole(plan: WirePlan): boolean {
  return plan.ending === "complete" || plan.ending === "discard";
}

function headText(reply: Reply, framing: string, lastOnConnection: boolean): string {
  const lines = [`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ""}`, framing];
  for (const [name, values] of Object.entries(reply.headers)) {
    for (const value of [values].flat()) lines.push(`${name}: ${value}`);
  }
  if (lastOnConnection) lines.push("connection: close");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function chunk(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${payload.length.toString(16)}\r\n`), payload, Buffer.from("\r\n")]);
}

async function dripAll(
  socket: Socket,
  bytes: Buffer,
  drip: { readonly bytes: number; readonly delayMs: number },
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes.length && !signal.aborted; at += drip.bytes) {
    await writeAll(socket, bytes.subarray(at, at + drip.bytes), signal);
    await pause(drip.delayMs, signal);
  }
}

async function endAs(socket: Socket, ending: WirePlan["ending"], entry: RecordEntry): Promise<void> {
  if (ending === "stall") return; // until the client leaves, or the simulator is closed
  if (ending === "half-close") {
    socket.end();
    return;
  }
  entry.answered = true;
  if (ending === "reset") {
    // What was written reaches the kernel first, or the client would not see it.
    if (socket.writableLength > 0) await new Promise((done) => socket.write("", done));
    socket.resetAndDestroy();
    return;
  }
  if (ending === "discard") {
    // Closing with unread bytes would reset the connection, and the client might never see its answer.
    socket.end();
    return;
  }
  socket.destroySoon();
}
