/** Maps in which one field of several is chosen: `path: { exact: /x }`. */
import * as v from "valibot";
import { message } from "../problem.ts";
import { fields, type Notes } from "./notes.ts";

/** Exactly one of the entries is there. */
export function oneOf<Entries extends v.ObjectEntries>(entries: Entries, notes: Notes = {}) {
  const names = Object.keys(entries);
  return v.pipe(fields(entries, { ...notes, exactlyOne: names }), exactlyOne(names));
}

/** Complains about none and about every one after the first; the map may have other fields besides. */
export function exactlyOne<Output extends object>(
  names: readonly string[],
  isChoice: (name: string) => boolean = (name) => names.includes(name),
) {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const given = namesIn(dataset.value).filter(isChoice);
    if (given.length === 0 && typeof dataset.value === "object") {
      const text = names.length === 1 ? `'${names.join("")}' is missing` : `expected one of ${names.join(", ")}`;
      addIssue({ message: message("CONFIG_MISSING_FIELD", text) });
    }
    for (const { name, text } of conflicts(given)) addIssue({ message: text, path: fieldPath(name) });
  });
}

/** Complains about every one after the first. */
export function atMostOne<Output extends object>(names: readonly string[]) {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const given = namesIn(dataset.value).filter((name) => names.includes(name));
    for (const { name, text } of conflicts(given)) addIssue({ message: text, path: fieldPath(name) });
  });
}

function namesIn(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

function conflicts([first, ...more]: readonly string[]) {
  const fix = `keep one of ${[first, ...more].join(", ")}`;
  return more.map((name) => ({ name, text: message("CONFIG_CONFLICT", `'${name}' stands beside '${first}'`, fix) }));
}

/** Path of an issue that is about one field of the map at hand: its name is pointed at. */
export function fieldPath(key: string): [v.ObjectPathItem] {
  return [{ type: "object", origin: "key", input: {}, key, value: undefined }];
}
