/** Where a key is to be had: `"$NAME"`, `{ file: key.txt }`. Which words there are, the sources say. */
import * as v from "valibot";
import type { KeyReference } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { message } from "../problem.ts";
import { suggest } from "../suggest.ts";
import { exactlyOne } from "./choice.ts";
import { described, fields, type Notes, openFields } from "./notes.ts";
import { fromStandard, type StandardSchema } from "./standard.ts";

/** What this package needs of a key source. `@keybearer/secrets`' SecretSource is one. */
export interface KeySourceSchema {
  /** The word in YAML: `key: { <name>: ... }`. */
  readonly name: string;
  /** What stands below the word. valibot, or any Standard Schema that answers at once. */
  readonly schema: StandardSchema;
  /** Claims a bare string. */
  scalar?(text: string): unknown;
}

export interface SourceParts {
  /** A bare string goes to the first of them that claims it. */
  readonly sources: readonly KeySourceSchema[];
  /** Takes a word that no source has for a source that is not loaded: what stands below it is not looked at. */
  readonly unloadedSources?: boolean;
}

/** A reference, with the path from where it is written to where it stands. */
export interface GivenReference {
  readonly source: string;
  readonly ref: unknown;
  readonly below: Path;
  readonly isUnchecked: boolean;
}

/** What a key has beside its source, and where: `key: { value: ..., <name>: ... }`. None of them can be a source's word. */
export const namesBesideValue = ["location", "previous", "overlap", "maxStale", "maxAge", "startup"] as const;

export const valueForm = (name: string) => `write key: { value: ..., ${name}: ... }, the key or its source in value`;

/** Fields that would have to stand elsewhere: at any map that holds a source's word. */
export const misplacedBesideWord = {
  refreshInterval: "how often a store is asked is said to its source: write it below the source's word",
  startupTimeout: "it is one for all keys: write it in secretDefaults",
} as const;

/** The sources' words, as entries of a map in which one of them is chosen. */
export function sourceWords({ sources, unloadedSources = false }: SourceParts) {
  const names = sources.map(({ name }) => name);
  const entries = Object.fromEntries(
    sources.map(({ name, schema }) => [name, described(fromStandard(schema), `From the source \`${name}\`.`)]),
  ) satisfies v.ObjectEntries;
  const others = new Set<string>(["value", ...namesBesideValue, ...Object.keys(misplacedBesideWord)]);
  const isWord = (name: string) => (unloadedSources ? !others.has(name) : names.includes(name));
  const map = <Entries extends v.ObjectEntries>(all: Entries, notes: Notes) =>
    unloadedSources ? openFields(all, { ...notes, exactlyOne: undefined }) : fields(all, notes);
  const toReference = (words: Readonly<Record<string, unknown>>): GivenReference => {
    const [source = "", ref] = Object.entries(words)[0] ?? [];
    return { source, ref, below: [source], isUnchecked: !names.includes(source) };
  };
  return { names, entries, isWord, map, toReference, bare: v.pipe(v.string(), claim(sources)) };
}

export type SourceWords = ReturnType<typeof sourceWords>;

/** A key and nothing beside it: a bare text, or a map with a source's word. `fix`: where else a field has to stand. */
export function referenceSchema(words: SourceWords, fix: (name: string) => string = valueForm) {
  const { names, entries, isWord, map, toReference, bare } = words;
  const besideValue = namesBesideValue.map((name) => [name, fix(name)] as const);
  const misplaced = { ...misplacedBesideWord, ...Object.fromEntries(besideValue) };
  const chosen = v.pipe(
    map(entries, { exactlyOne: names, misplaced }),
    exactlyOne(names, isWord),
    v.transform(toReference),
  );
  return v.union([bare, chosen], quoteIt);
}

/** The message for what is neither a text nor a map. */
export const quoteIt = ({ input }: { readonly input: unknown }) =>
  typeof input === "number" || typeof input === "boolean"
    ? message("CONFIG_TYPE", "a key is text; YAML reads this as another kind of value", "write it in quotes")
    : message("CONFIG_TYPE", "expected a key: text, or a map that names its source");

/** The first source that claims a text has it. */
function claim(sources: readonly KeySourceSchema[]) {
  return v.rawTransform<string, GivenReference>(({ dataset, addIssue, NEVER }) => {
    const text = dataset.value;
    try {
      for (const source of sources) {
        const ref = source.scalar?.(text);
        if (ref !== undefined) return { source: source.name, ref, below: [], isUnchecked: false };
      }
      const near = suggest(
        text,
        sources.map(({ name }) => name),
      );
      const fix = near === undefined ? "name a source" : `a key from a source is a map: key: { ${near}: ... }`;
      addIssue({ message: message("CONFIG_VALUE", "no source takes this text for a key", fix) });
    } catch {
      // What it threw may quote the text.
      addIssue({ message: message("CONFIG_VALUE", "a source could not read this key") });
    }
    return NEVER;
  });
}

export function buildReference({ source, ref, below, isUnchecked }: GivenReference, path: Path): KeyReference {
  const reference = { path: [...path, ...below], source, ref };
  return isUnchecked ? { ...reference, isUnchecked } : reference;
}
