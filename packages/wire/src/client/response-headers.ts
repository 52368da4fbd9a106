/** The headers of a response as undici gives them to handlers: lower-case names, an array where one came more than once. */
import type { IncomingHttpHeaders } from "node:http";

export const noHeaders: IncomingHttpHeaders = Object.freeze({});

export function headersObject(raw: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    const value = raw[index + 1] ?? "";
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (Array.isArray(known)) known.push(value);
    else if (known !== undefined) headers[name] = [known, value];
    // Set like any other name, it would be the prototype.
    else if (name === "__proto__")
      Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
    else headers[name] = value;
  }
  return headers;
}

/** Milliseconds from `Keep-Alive: timeout=5`. Undefined: it does not say. */
export function keepAliveTimeoutMs(raw: readonly string[]): number | undefined {
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? "";
    if (name.length !== 10 || name.toLowerCase() !== "keep-alive") continue;
    const seconds = /timeout=(\d+)/i.exec(raw[index + 1] ?? "")?.[1];
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return undefined;
}
