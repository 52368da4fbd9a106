/** Reads what can be read once: a named pipe, a terminal, the standard input. */
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import { after, KEY_LIMIT_BYTES, type Clock } from "@keybearer/secrets";
import { tooLarge, type OpenFile } from "./read.ts";

const POLL_MS = 10;

/** Everything up to the end. Throws the signal's reason when it fires, SecretError SECRET_MALFORMED beyond 64 KiB. */
export async function readOnce(file: OpenFile, clock: Clock, signal: AbortSignal): Promise<Uint8Array> {
  if (file.handle === undefined) return collect(new Socket({ fd: 0, readable: true, writable: false, signal }));
  return collect(poll(file.handle, file.kind === "pipe", clock, signal));
}

/**
 * Asked again and again rather than waited for: a read that blocks holds one of libuv's few threads until somebody writes,
 * and even the process cannot end then. A pipe that nobody has opened for writing yet looks like one at its end.
 */
async function* poll(
  handle: FileHandle,
  isPipe: boolean,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let started = !isPipe;
  for (;;) {
    signal.throwIfAborted();
    const bytes = await readNow(handle);
    if (bytes !== undefined && bytes.length > 0) {
      started = true;
      yield bytes;
    } else if (bytes !== undefined && started) {
      return;
    } else {
      await new Promise<void>((resolve) => void after(clock, POLL_MS, resolve));
    }
  }
}

/** Undefined: a writer is there, but has not written yet. Empty: no writer. */
async function readNow(handle: FileHandle): Promise<Uint8Array | undefined> {
  try {
    const buffer = new Uint8Array(KEY_LIMIT_BYTES + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > KEY_LIMIT_BYTES) throw tooLarge();
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
