/** Reads a key's file without trusting it to be small, to be text, or to be a file. */
import { constants, type Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { KEY_LIMIT_BYTES, SecretError } from "@keybearer/secrets";

/** What stands at a path: a file to read again and again, or something that gives its bytes once. Close the handle. */
export type OpenFile =
  | { readonly kind: "regular"; readonly handle: FileHandle; readonly mode: number; readonly modifiedAt: number }
  | { readonly kind: "pipe" | "device"; readonly handle: FileHandle }
  | { readonly kind: "stdin"; readonly handle?: undefined };

/** Throws SecretError: SECRET_NOT_FOUND, SECRET_DENIED, or SECRET_MALFORMED for a directory. */
export async function openFile(path: string): Promise<OpenFile> {
  // Without O_NONBLOCK the open itself waits for a pipe's writer, in a thread that nothing can call back.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    if (isSocketAt(path, error)) return undefined;
    throw SecretError.from("file", error);
  });
  if (handle === undefined) return { kind: "stdin" };
  try {
    return classify(handle, await handle.stat(), path);
  } catch (error) {
    await handle.close();
    throw SecretError.from("file", error);
  }
}

/** Throws SecretError SECRET_MALFORMED beyond 64 KiB. */
export async function readBounded(handle: FileHandle): Promise<Uint8Array> {
  const buffer = new Uint8Array(KEY_LIMIT_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (bytesRead === 0) return buffer.subarray(0, length);
    if (length === buffer.length) throw tooLarge();
  }
}

export function tooLarge(): SecretError {
  return new SecretError("SECRET_MALFORMED", "file", "a key has at most 64 KiB", {
    found: "more than 64 KiB",
    fix: "is this the right file?",
  });
}

/** Throws SecretError SECRET_MALFORMED for bytes that are not UTF-8. A byte order mark is left out. */
export function decode(bytes: Uint8Array): string {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // No cause: there is nothing more in it.
    throw new SecretError("SECRET_MALFORMED", "file", "the file is not UTF-8 text", {
      found: utf16 ? "UTF-16, as PowerShell's > writes it" : "bytes that are no UTF-8",
      fix: utf16 ? "write it with Set-Content -Encoding ascii" : "save the key as plain text",
    });
  }
}

function classify(handle: FileHandle, stats: Stats, path: string): OpenFile {
  if (stats.isFile()) return { kind: "regular", handle, mode: stats.mode, modifiedAt: stats.mtimeMs };
  if (stats.isFIFO()) return { kind: "pipe", handle };
  if (stats.isCharacterDevice()) return { kind: "device", handle };
  const found = stats.isDirectory() ? "a directory" : "neither a file nor a pipe";
  throw new SecretError("SECRET_MALFORMED", "file", `this is ${found}`, { found: path, fix: "name the file in it" });
}

/** A process that was given a socket as its standard input cannot open it by name (ENXIO), only use it. */
function isSocketAt(path: string, error: unknown): boolean {
  const refused = typeof error === "object" && error !== null && "code" in error && error.code === "ENXIO";
  return refused && /^\/(?:dev\/stdin|dev\/fd\/0|proc\/self\/fd\/0)$/.test(path);
}
