/** The outline of a valibot schema: which fields a map has, what a list holds; whoever wrote the schema. */
import { type Notes, notesOf } from "./notes.ts";

export interface Outline {
  /** valibot's name of the outermost schema: `object`, `string`, `picklist`. */
  readonly type: string;
  readonly notes: Notes;
  /** Fields of a map. */
  readonly entries: Readonly<Record<string, unknown>> | undefined;
  /** Whether a map may have other fields than `entries`. */
  readonly isOpen: boolean;
  /** What each item of a list or each value of an open map is. */
  readonly item: unknown;
  /** Alternatives, or what an optional schema wraps. */
  readonly options: readonly unknown[];
  /** Values of an enumeration. */
  readonly values: readonly string[];
}

type Bag = Readonly<Record<string, unknown>>;

/** Undefined for what is no valibot schema. */
export function outlineOf(schema: unknown): Outline | undefined {
  const items = flatten(schema);
  const base = items.find((item) => item["kind"] === "schema");
  if (base === undefined) return undefined;
  const options = Array.isArray(base["options"]) ? base["options"] : [];
  const type = String(base["type"]);
  const isEnumeration = type === "picklist" || type === "enum";
  return {
    type,
    notes: notesOf(items),
    entries: isBag(base["entries"]) ? base["entries"] : undefined,
    isOpen: type !== "object" && type !== "strict_object",
    item: type === "array" ? base["item"] : type === "record" ? base["value"] : undefined,
    options: isEnumeration ? [] : "wrapped" in base ? [base["wrapped"]] : options,
    values: isEnumeration ? options.map(String) : [],
  };
}

/** A pipe's items, pipes within pipes included. */
function flatten(schema: unknown): Bag[] {
  if (!isBag(schema)) return [];
  return Array.isArray(schema["pipe"])
    ? schema["pipe"].flatMap((item) => (item === schema ? [] : flatten(item)))
    : [schema];
}

function isBag(value: unknown): value is Bag {
  return typeof value === "object" && value !== null;
}
