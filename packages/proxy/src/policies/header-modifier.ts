/** Header modifiers: set, add, remove, as the config names them. */
import type { HeaderList } from "@keybearer/providers";
import type { HeaderModifier } from "../definition.ts";

export type HeaderEdit = (headers: HeaderList) => void;

/** One edit for several modifiers, applied in their order; undefined when there is nothing to do. */
export function compileModifiers(modifiers: readonly (HeaderModifier | undefined)[]): HeaderEdit | undefined {
  const edits = modifiers.flatMap((modifier) => (modifier ? [compileModifier(modifier)] : []));
  if (edits.length === 0) return undefined;
  return (headers) => {
    for (const edit of edits) edit(headers);
  };
}

function compileModifier({ set, add, remove }: HeaderModifier): HeaderEdit {
  const setLower = lowerNames(set);
  const addLower = lowerNames(add);
  const removeLower = remove.map((name) => name.toLowerCase());
  return (headers) => {
    for (const [name, value] of setLower) headers.set(name, value);
    for (const [name, value] of addLower) headers.append(name, value);
    for (const name of removeLower) headers.delete(name);
  };
}

function lowerNames(pairs: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  return pairs.map(([name, value]) => [name.toLowerCase(), value] as const);
}
