/** What makes two keys the same key: everything that was said of them, and nothing that can be read back. */
import { createHash, randomUUID } from "node:crypto";

// Deeper than any config, and shallow enough for a structure that contains itself.
const DEEPEST = 32;

/**
 * A digest of plain data: source, ref, base directories, policy. The order of an object's members does not matter, and no
 * member may be left out that decides what a handle does. What is not plain data (a function, a Map, an instance of a
 * class) is like nothing else, so that two keys are never taken for one.
 */
export function handleIdentity(...parts: readonly unknown[]): string {
  const text = canonical(parts, 0);
  return text === undefined ? randomUUID() : createHash("sha256").update(text).digest("base64url");
}

function canonical(value: unknown, depth: number): string | undefined {
  if (depth > DEEPEST) return undefined;
  if (typeof value === "string") return JSON.stringify(value);
  if (value === undefined || value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value))
    return enclose(
      "[",
      value.map((item) => canonical(item, depth + 1)),
      "]",
    );
  if (typeof value !== "object" || !isPlain(value)) return undefined;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  const texts = members.map(([name, member]) => {
    const text = canonical(member, depth + 1);
    return text === undefined ? undefined : `${JSON.stringify(name)}:${text}`;
  });
  return enclose("{", texts, "}");
}

function enclose(open: string, texts: readonly (string | undefined)[], close: string): string | undefined {
  return texts.includes(undefined) ? undefined : `${open}${texts.join(",")}${close}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.getOwnPropertySymbols(value).length === 0;
}
