/** What our schemas say beyond valibot: fields that are not here yet, fields in the wrong place, words of which one is chosen. */
import * as v from "valibot";

export interface Notes {
  /** Fields, or values, that agentgateway knows at this place and we do not yet. */
  readonly notYet?: readonly string[];
  /** Fields that belong elsewhere: what to do instead. */
  readonly misplaced?: Readonly<Record<string, string>>;
  /** Fields of which exactly one must be there. */
  readonly exactlyOne?: readonly string[] | undefined;
  /** What to write when the kind of value is wrong: a list for a map. */
  readonly fix?: string;
}

const notesKey = "keybearer";

/** A map with these fields and no others. */
export function fields<Entries extends v.ObjectEntries>(entries: Entries, notes: Notes = {}) {
  return v.pipe(v.object(entries), v.metadata({ [notesKey]: notes }));
}

/** As `fields()`, but other fields are let through as they are. */
export function openFields<Entries extends v.ObjectEntries>(entries: Entries, notes: Notes = {}) {
  return v.pipe(v.objectWithRest(entries, v.unknown()), v.metadata({ [notesKey]: notes }));
}

/** A required field with the sentence that an editor shows. */
export function must<Schema extends v.GenericSchema>(schema: Schema, description: string) {
  return v.pipe(schema, v.description(description));
}

/** A field that may be left out, with the sentence that an editor shows. */
export function may<Schema extends v.GenericSchema>(schema: Schema, description: string) {
  return v.optional(v.pipe(schema, v.description(description)));
}

/** As `may()`, for a schema from outside: what it says of itself goes before the text. */
export function described(schema: v.GenericSchema, text: string) {
  return may(schema, v.getDescription(schema) ?? text);
}

/** Adds notes to any schema. */
export function noted<Schema extends v.GenericSchema>(schema: Schema, notes: Notes) {
  return v.pipe(schema, v.metadata({ [notesKey]: notes }));
}

/** Reads the notes from a pipe's items. */
export function notesOf(items: readonly unknown[]): Notes {
  let notes: Notes = {};
  for (const item of items) {
    if (isMetadata(item)) notes = { ...notes, ...item.metadata[notesKey] };
  }
  return notes;
}

interface NotesMetadata {
  readonly metadata: { readonly [notesKey]?: Notes };
}

function isMetadata(item: unknown): item is NotesMetadata {
  return typeof item === "object" && item !== null && "type" in item && item.type === "metadata" && "metadata" in item;
}
