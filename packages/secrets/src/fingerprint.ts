/** Tells two keys apart in logs without telling what they are. */
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

/** Published on purpose: replicas and restarts agree on a key's fingerprint with nothing configured. */
export const DEFAULT_FINGERPRINT_KEY = "keybearer";

export function fingerprintKey(text: string = DEFAULT_FINGERPRINT_KEY): KeyObject {
  return createSecretKey(text, "utf8");
}

/** The first 8 hex digits of an HMAC-SHA-256 (RFC 2104). 32 bits: enough for people, nothing is decided by it. */
export function fingerprintOf(value: string, key: KeyObject): string {
  return createHmac("sha256", key).update(value, "utf8").digest("hex").slice(0, 8);
}
