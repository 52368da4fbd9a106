/** Looks at a file without trusting it to be small, to stand still, or to be a file. */
import { constants, type BigIntStats } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { codeOf, WatchError } from "./errors.ts";
import type { FileState } from "./state.ts";

/** `before` and `after` differ if the file was written while it was read: the state is none that ever was, then. */
export interface Reading {
  readonly before: string;
  readonly after: string;
  readonly state: FileState;
}

/** Which file stands at the path and when it was last written: equal as long as nothing happens to it. */
export async function signatureOf(path: string): Promise<string> {
  try {
    return describe(await stat(path, { bigint: true }));
  } catch (error) {
    return failure(error).signature;
  }
}

/** Never rejects. More than `limitBytes`, and whatever is no ordinary file, is unreadable. */
export async function readFileState(path: string, limitBytes: number): Promise<Reading> {
  // As long as it can be asked for, what cannot be opened has the signature that signatureOf() gives it.
  let signature: string | undefined;
  try {
    const named = await stat(path, { bigint: true });
    signature = describe(named);
    // Asked before it is opened, because opening a device or a pipe may already do something to it.
    if (!named.isFile()) return still(signature, notAFile());
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      return await readHandle(handle, limitBytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const failed = failure(error);
    return still(failed.state.kind === "missing" ? failed.signature : (signature ?? failed.signature), failed.state);
  }
}

async function readHandle(handle: FileHandle, limitBytes: number): Promise<Reading> {
  const opened = await handle.stat({ bigint: true });
  if (!opened.isFile()) return still(describe(opened), notAFile());
  const bytes = await readBounded(handle, Math.min(Number(opened.size), limitBytes) + 1, limitBytes);
  const after = describe(await handle.stat({ bigint: true }));
  const state: FileState =
    bytes === undefined
      ? { kind: "unreadable", error: new WatchError("WATCH_TOO_LARGE", `the file has more than ${limitBytes} bytes`) }
      : { kind: "content", bytes, modifiedAt: Number(opened.mtimeMs) };
  return { before: describe(opened), after, state };
}

/** Undefined beyond the limit. Begins with what the file is said to have, and one more to see its end. */
async function readBounded(handle: FileHandle, first: number, limitBytes: number): Promise<Uint8Array | undefined> {
  let buffer = new Uint8Array(first);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > limitBytes) return undefined;
    if (bytesRead === 0) return buffer.slice(0, length);
    if (length === buffer.length) {
      const larger = new Uint8Array(Math.min(2 * length, limitBytes) + 1);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

function describe(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function failure(thrown: unknown): { signature: string; state: FileState } {
  const error = thrown instanceof Error ? thrown : new Error("the file cannot be read");
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") return { signature: "missing", state: { kind: "missing" } };
  return { signature: `unreadable:${code}`, state: { kind: "unreadable", error } };
}

function still(signature: string, state: FileState): Reading {
  return { before: signature, after: signature, state };
}

function notAFile(): FileState {
  return { kind: "unreadable", error: new WatchError("WATCH_NOT_A_FILE", "this is no ordinary file") };
}
