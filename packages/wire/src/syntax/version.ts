/** `HTTP/1.1` and `HTTP/1.0` (RFC 9112 section 2.3). */
import { WireError } from "../errors.ts";
import { malformed } from "./head-reader.ts";

const PREFIX = Buffer.from("HTTP/");
const POINT = 0x2e;
const ZERO = 0x30;

export const VERSION_BYTES = PREFIX.length + 3;

/** The minor version of 1. Throws WireError: `WIRE_VERSION` where it is another version of HTTP. */
export function readVersion(bytes: Uint8Array, at: number): 0 | 1 {
  for (let index = 0; index < PREFIX.length; index += 1)
    if (bytes[at + index] !== PREFIX[index]) throw malformed("the protocol is not HTTP");
  const major = digitAt(bytes, at + PREFIX.length);
  const minor = digitAt(bytes, at + PREFIX.length + 2);
  if (bytes[at + PREFIX.length + 1] !== POINT || major === -1 || minor === -1)
    throw malformed("the version is not two digits");
  if (major === 1 && (minor === 1 || minor === 0)) return minor;
  throw new WireError("WIRE_VERSION", "the version of HTTP is not 1.1 or 1.0");
}

/** -1: no digit. */
export function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] ?? 0) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

/** Whether this may be the beginning of `HTTP/1.1`. */
export function mayBeVersion(bytes: Uint8Array, from: number, to: number): boolean {
  const length = Math.min(to - from, PREFIX.length);
  for (let index = 0; index < length; index += 1) if (bytes[from + index] !== PREFIX[index]) return false;
  return true;
}
