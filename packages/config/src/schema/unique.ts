/** Lists whose items have names, each of them once. */
import * as v from "valibot";
import { isMap } from "../kind.ts";
import { message } from "../problem.ts";

/** Complains about a name that an item before has; items without one are let through. */
export function uniqueNames<Items extends readonly unknown[]>(text: string) {
  return v.rawCheck<Items>(({ dataset, addIssue }) => {
    const items: unknown = dataset.value;
    if (!Array.isArray(items)) return;
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const name: unknown = isMap(item) ? item["name"] : undefined;
      if (typeof name !== "string") continue;
      if (seen.has(name)) {
        addIssue({ message: message("CONFIG_DUPLICATE", text), path: [indexPath(index), namePath] });
      }
      seen.add(name);
    }
  });
}

/** Path item of an item of a list. */
export function indexPath(key: number): v.ArrayPathItem {
  return { type: "array", origin: "value", input: [], key, value: undefined };
}

/** Path item of a name that is pointed at. */
export const namePath: v.ObjectPathItem = { type: "object", origin: "value", input: {}, key: "name", value: undefined };
