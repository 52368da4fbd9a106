/** The body of a request in each of the forms that undici takes, as bytes or as a source of them. */
import { invalidArgument } from "./errors.ts";
import type { BodySource } from "./exchange.ts";

/** Throws ClientError. Null: there is none, or nothing in it. */
export function requestBody(body: unknown): Uint8Array | BodySource | null {
  if (body === null || body === undefined) return null;
  if (body instanceof Blob) return body.size > 0 ? body.stream() : null;
  const bytes = bytesOf(body);
  if (bytes) return bytes.length > 0 ? bytes : null;
  if (!isSource(body))
    throw invalidArgument("body must be a string, bytes, a Blob, a Readable stream, an iterable, or an async iterable");
  // A stream that fails before it is read would fail the process; its reader is told then.
  if ("on" in body && typeof body.on === "function") body.on("error", () => undefined);
  return body;
}

/** Text in UTF-8, and whatever else is bytes already. Undefined: it is neither. */
export function bytesOf(body: unknown): Uint8Array | undefined {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** Not FormData, which can be iterated over, but not for its bytes. */
function isSource(body: unknown): body is BodySource {
  return (
    typeof body === "object" &&
    body !== null &&
    (Symbol.asyncIterator in body || (Symbol.iterator in body && !(body instanceof FormData)))
  );
}
