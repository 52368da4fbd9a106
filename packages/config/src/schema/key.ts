/** A key with all that belongs to it: `"$NAME"`, `{ file: key.txt }`, `{ value: ..., location: ..., previous: ... }`. */
import * as v from "valibot";
import type { KeyPolicy, PlacedKey } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { isMap } from "../kind.ts";
import { message } from "../problem.ts";
import { exactlyOne, fieldPath } from "./choice.ts";
import { type GivenPolicy, mergePolicy, policyEntries } from "./key-policy.ts";
import { buildOptionalLocation, locationSchema } from "./location.ts";
import { may } from "./notes.ts";
import {
  buildReference,
  type GivenReference,
  misplacedBesideWord,
  namesBesideValue,
  quoteIt,
  referenceSchema,
  type SourceParts,
  type SourceWords,
  sourceWords,
  valueForm,
} from "./reference.ts";

export interface GivenKey {
  readonly reference: GivenReference;
  readonly previous: GivenReference | undefined;
  readonly location: v.InferOutput<typeof locationSchema> | undefined;
  readonly policy: GivenPolicy;
  /** Not in the `{ value: ... }` form. */
  readonly isBare: boolean;
}

export interface KeySchemas {
  /** A key with all that belongs to it. */
  readonly key: v.GenericSchema<unknown, GivenKey>;
  /** The same where its place is said beside it. */
  readonly unplaced: v.GenericSchema<unknown, GivenKey>;
  /** A secret of our own, which goes nowhere and has no predecessor. */
  readonly token: v.GenericSchema<unknown, GivenReference>;
}

export function keySchemas(parts: SourceParts): KeySchemas {
  const words = sourceWords(parts);
  const reference = referenceSchema(words);
  const entries = {
    ...words.entries,
    value: may(reference, "The key, where something stands beside it."),
    previous: may(reference, "The key before this one, to fall back on while `overlap` lasts."),
    ...policyEntries,
  };
  const location = may(locationSchema, "Where the key goes; by default where the provider wants it.");
  const notes = { exactlyOne: [...words.names, "value"], misplaced: misplacedBesideWord };
  const isChoice = (name: string) => name === "value" || words.isWord(name);

  const text = v.pipe(
    words.bare,
    v.transform((found): GivenKey => ({ ...noMore, reference: found, isBare: true })),
  );
  const form = (map: v.GenericSchema<unknown, GivenMap>) => {
    const choice = exactlyOne<GivenMap>(notes.exactlyOne, isChoice);
    const wrapped = v.pipe(map, choice, besideWord(words.isWord), v.transform(toKey(words)));
    return v.union([text, wrapped], quoteIt);
  };
  const misplaced = { ...misplacedBesideWord, location: "write location beside the key, not in it" };
  return {
    key: form(words.map({ ...entries, location }, notes)),
    unplaced: form(words.map(entries, { ...notes, misplaced })),
    token: referenceSchema(words, () => "remove it: nothing stands beside this secret's source"),
  };
}

const noMore = { previous: undefined, location: undefined, policy: {} };

interface GivenMap extends GivenPolicy, Readonly<Record<string, unknown>> {
  readonly value?: GivenReference | undefined;
  readonly previous?: GivenReference | undefined;
  readonly location?: GivenKey["location"];
}

function toKey({ toReference }: SourceWords) {
  return ({ value, previous, location, startup, maxStale, maxAge, overlap, ...more }: GivenMap): GivenKey => ({
    reference: value === undefined ? toReference(more) : { ...value, below: ["value", ...value.below] },
    previous: previous && { ...previous, below: ["previous", ...previous.below] },
    location,
    policy: { startup, maxStale, maxAge, overlap },
    isBare: value === undefined,
  });
}

/** Beside a source's word agentgateway would overlook a location; all that can stand beside `value` is refused there. */
function besideWord(isWord: (name: string) => boolean) {
  return v.rawCheck<GivenMap>(({ dataset, addIssue }) => {
    const given: unknown = dataset.value;
    if (!isMap(given) || Object.hasOwn(given, "value") || !Object.keys(given).some(isWord)) return;
    for (const name of namesBesideValue.filter((name) => Object.hasOwn(given, name))) {
      const text = message("CONFIG_MISPLACED_FIELD", `'${name}' has no effect beside this`, valueForm(name));
      addIssue({ message: text, path: fieldPath(name) });
    }
  });
}

export function buildKey(given: GivenKey, path: Path, defaults: KeyPolicy): PlacedKey {
  return {
    path,
    reference: buildReference(given.reference, path),
    location: buildOptionalLocation(given.location),
    policy: mergePolicy(given.policy, defaults),
    previous: given.previous && buildReference(given.previous, path),
  };
}
