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
export function exactlyOne<Output extends object>(names: readonly string[]) {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const value: unknown = dataset.value;
    if (typeof value !== "object" || value === null) return;
    const given = Object.keys(value).filter((name) => names.includes(name));
    if (given.length === 0) {
      const text = names.length === 1 ? `'${names.join("")}' is missing` : `expected one of ${names.join(", ")}`;
      addIssue({ message: message("CONFIG_MISSING_FIELD", text) });
    }
    const [first, ...more] = given;
    for (const name of more) {
      addIssue({
        message: message("CONFIG_CONFLICT", `'${name}' stands beside '${first}'`, `keep one of ${given.join(", ")}`),
        path: fieldPath(name),
      });
    }
  });
}

/** Path of an issue that is about one field of the map at hand: its name is pointed at. */
export function fieldPath(key: string): [v.ObjectPathItem] {
  return [{ type: "object", origin: "key", input: {}, key, value: undefined }];
}
