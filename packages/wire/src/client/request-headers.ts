/** The headers of a request in each of the forms that undici takes, as one flat array of strings. */
import type { Dispatcher } from "undici";
import { invalidArgument } from "./errors.ts";

const NONE: readonly string[] = [];

/** Throws ClientError. An array of strings is given back as it is. */
export function flatHeaders(headers: Dispatcher.DispatchOptions["headers"]): readonly string[] {
  if (headers === null || headers === undefined) return NONE;
  if (typeof headers !== "object") throw invalidArgument("headers must be an object or an array");
  if (Array.isArray(headers)) {
    if (headers.length % 2 !== 0) throw invalidArgument("headers array must be even");
    return headers.every((item) => typeof item === "string") ? headers : flatten(inPairs(headers));
  }
  return flatten(Symbol.iterator in headers ? headers : Object.entries(headers));
}

function* inPairs(flat: readonly unknown[]): Generator<readonly unknown[]> {
  for (let index = 0; index < flat.length; index += 2) yield flat.slice(index, index + 2);
}

function flatten(pairs: Iterable<unknown>): string[] {
  const flat: string[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalidArgument("headers must be in key-value pair format");
    const [name, value]: readonly unknown[] = pair;
    if (typeof name !== "string") throw invalidArgument("invalid header key");
    if (Array.isArray(value)) for (const each of value) flat.push(name, textOf(name, each));
    else if (value !== undefined) flat.push(name, textOf(name, value));
  }
  return flat;
}

function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  throw invalidArgument(`invalid ${name} header`);
}
