/** The definition that runs, for the admin port: whole, but for what may be a secret. */
import type { Settings } from "@keybearer/config";
import type { GatewayDefinition } from "@keybearer/proxy";

const REDACTED = "<redacted>";

/**
 * Fields whose values may hold a secret: header values that are set or matched, a path with its query, PEM texts, digests
 * of client keys, what makes fingerprints.
 */
const SENSITIVE = new Set([
  "add",
  "set",
  "value",
  "pathOverride",
  "cert",
  "key",
  "root",
  "sha256",
  "fingerprintKey",
  "adminToken",
  "metadata",
]);

export function dumpDefinition(definition: GatewayDefinition, settings: Settings): unknown {
  return redact({ config: settings, ...definition });
}

function redact(value: unknown, name = ""): unknown {
  if (SENSITIVE.has(name)) return redactLeaves(value, name);
  if (Array.isArray(value)) return value.map((item: unknown) => redact(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]: [string, unknown]) => [key, redact(item, key)]));
}

/** Of a header modifier the names stay: an operator looks for them. */
function redactLeaves(value: unknown, name: string): unknown {
  if (value === undefined) return undefined;
  if ((name === "add" || name === "set") && Array.isArray(value)) {
    return value.map((pair: unknown) => (Array.isArray(pair) ? [pair[0] as unknown, REDACTED] : REDACTED));
  }
  return REDACTED;
}
