/** Blots out the scalars of a config that are, by their place, keys; letter by letter, so that columns stay true. */
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import { entriesOf } from "./nodes.ts";
import { blot } from "./show.ts";
import { suggest } from "./suggest.ts";

/** A scalar that stands below one of these, or a misspelling of one, is a key or may be one. */
const secretNames = [
  "key",
  "keys",
  "value",
  "values",
  "keyHash",
  "fingerprintKey",
  "adminToken",
  "previous",
  "inline",
  "apiKey",
  "password",
  "secret",
  "token",
  "set",
  "add",
  "authorization",
  "x-api-key",
  "api-key",
];

/** Fields that hold keys at any depth. */
const keyFields = ["backendAuth", "adminToken"];

/** Fields below those that tell where a key is and how it is kept, not what it is. */
const harmlessNames = new Set([
  "file",
  "name",
  "prefix",
  "allowCleartext",
  "strategy",
  "weight",
  "models",
  "scope",
  "maxConcurrent",
  "requestsPerMinute",
  "startup",
  "maxStale",
  "maxAge",
  "overlap",
  "startupTimeout",
  "refreshInterval",
]);

/** In a text that is no YAML, the names in front of the colon are all there is to go by. */
const keyLine = /(?<name>(?:key|value|token|secret|password|previous)s?["']?[^\S\n]*:[^\S\n]+)(?<value>[^\s{[#].*)/gi;

const onlyVariables = /^(?:\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}))+$/;

/** The text with every scalar blotted out that is, by its place, a key. */
export function maskText(text: string, contents: Node | null, isBroken: boolean): string {
  const parts: string[] = [];
  let end = 0;
  for (const [from, to] of secretRanges(contents)) {
    if (from < end) continue;
    parts.push(text.slice(end, from), blot(text.slice(from, to)));
    end = to;
  }
  const masked = parts.join("") + text.slice(end);
  return isBroken ? masked.replace(keyLine, (_, name: string, value: string) => name + blot(value)) : masked;
}

function secretRanges(contents: Node | null): [number, number][] {
  const ranges: [number, number][] = [];
  const visit = (node: Node | undefined, name: string, inAuth: boolean): void => {
    if (node === undefined || isAlias(node)) return;
    if (isSeq(node))
      for (const item of node.items)
        visit(isScalar(item) || isMap(item) || isSeq(item) ? item : undefined, name, inAuth);
    if (isMap(node)) {
      for (const entry of entriesOf(node)) {
        const isAuth = suggest(entry.name, keyFields) !== undefined;
        // Below `set` and `add` any name may head a secret.
        const next = name === "set" || name === "add" ? name : entry.name;
        visit(entry.value, next, inAuth || isAuth);
      }
    }
    if (!isScalar(node) || node.range === undefined || node.range === null) return;
    if (typeof node.value !== "string" && typeof node.value !== "number") return;
    const isSecret = suggest(name, secretNames) !== undefined || (inAuth && !harmlessNames.has(name));
    if (isSecret && !onlyVariables.test(String(node.value))) ranges.push([node.range[0], node.range[1]]);
  };
  visit(contents ?? undefined, "", false);
  return ranges.toSorted(([left], [right]) => left - right);
}
