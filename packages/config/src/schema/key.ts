/** References to keys: `"$NAME"`, `{ file: key.txt }`, `{ value: ..., location: ... }`. Which words there are, the sources say. */
import * as v from "valibot";
import type { KeyReference, PlacedKey } from "../config.ts";
import type { Path } from "../errors.ts";
import { message } from "../problem.ts";
import { suggest } from "../suggest.ts";
import { exactlyOne, fieldPath } from "./choice.ts";
import { buildOptionalLocation, locationSchema } from "./location.ts";
import { described, fields, may, type Notes } from "./notes.ts";
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

/** A reference, with the path from where it is written to where it stands. */
export interface GivenReference {
  readonly source: string;
  readonly ref: unknown;
  readonly below: Path;
}

export type GivenKey = v.InferOutput<ReturnType<typeof keySchemas>["key"]>;

/** `reference` is a key alone; `key` is that, or the `{ value, location }` form around it. */
export function keySchemas(sources: readonly KeySourceSchema[]) {
  const names = sources.map(({ name }) => name);
  const entries = Object.fromEntries(
    sources.map(({ name, schema }) => [name, described(fromStandard(schema), `From the source \`${name}\`.`)]),
  ) satisfies v.ObjectEntries;
  const bare = v.pipe(v.string(), claim(sources));
  const reference = v.union([bare, v.pipe(chosenOf(entries, names), v.transform(toReference))], quoteIt);
  const entriesWithValue = {
    ...entries,
    value: may(reference, "The key, where a location stands beside it."),
    location: may(locationSchema, "Where the key goes; by default where the provider wants it."),
  };
  const wrapped = v.pipe(
    fields(entriesWithValue, { exactlyOne: [...names, "value"] }),
    exactlyOne([...names, "value"]),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed || dataset.value.location === undefined || dataset.value.value !== undefined) return;
      const text = message("CONFIG_MISPLACED_FIELD", "'location' has no effect beside this", valueForm);
      addIssue({ message: text, path: fieldPath("location") });
    }),
    v.transform(({ value, location, ...words }) => {
      if (value === undefined) return { isBare: true, location, ...toReference(words) };
      return { isBare: false, location, ...value, below: ["value", ...value.below] };
    }),
  );
  const text = v.pipe(
    bare,
    v.transform((found) => ({ isBare: true, location: undefined, ...found })),
  );
  return { reference, key: v.union([text, wrapped], quoteIt) };
}

const valueForm = "write key: { value: ..., location: ... }, the key or its source in value";

const quoteIt = ({ input }: { readonly input: unknown }) =>
  typeof input === "number" || typeof input === "boolean"
    ? message("CONFIG_TYPE", "a key is text; YAML reads this as another kind of value", "write it in quotes")
    : message("CONFIG_TYPE", "expected a key: text, or a map that names its source");

function chosenOf(entries: v.ObjectEntries, names: readonly string[]) {
  const misplaced: Notes["misplaced"] = { location: valueForm };
  return v.pipe(fields(entries, { exactlyOne: names, misplaced }), exactlyOne(names));
}

function toReference(words: Readonly<Record<string, unknown>>): GivenReference {
  const [source = "", ref] = Object.entries(words)[0] ?? [];
  return { source, ref, below: [source] };
}

/** The first source that claims a text has it. */
function claim(sources: readonly KeySourceSchema[]) {
  return v.rawTransform<string, GivenReference>(({ dataset, addIssue, NEVER }) => {
    const text = dataset.value;
    try {
      for (const source of sources) {
        const ref = source.scalar?.(text);
        if (ref !== undefined) return { source: source.name, ref, below: [] };
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

export function buildReference(given: GivenReference, path: Path): KeyReference {
  return { path: [...path, ...given.below], source: given.source, ref: given.ref };
}

export function buildKey(given: GivenKey, path: Path): PlacedKey {
  return { path, reference: buildReference(given, path), location: buildOptionalLocation(given.location) };
}
