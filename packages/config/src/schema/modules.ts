/** `secretSources:`, modules that bring key sources of the operator's own. Read before all else, since they bring words. */
import * as v from "valibot";
import type { SecretSourceModule } from "../config.ts";
import { message } from "../problem.ts";
import { indexPath } from "./unique.ts";
import { readText } from "./values.ts";

const text = readText(
  (text) => (text === "" || /\p{Cc}/u.test(text) ? undefined : text),
  "a path or the name of a package",
  "write it like ./pass.mjs, /etc/keybearer/pass.mjs or @acme/keybearer-vault",
);

const specifier = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const problem = problemOf(dataset.value);
    if (problem !== undefined) addIssue({ message: problem });
  }),
);

/** What keeps a text from being a module that may be loaded. */
function problemOf(text: string): string | undefined {
  if (/^[a-z][a-z\d+.-]*:/i.test(text)) {
    return message(
      "CONFIG_VALUE",
      "a module is loaded from disk: this is a URL",
      "write its path, or a package's name",
    );
  }
  if (/[?#]/.test(text)) {
    return message("CONFIG_VALUE", "a module is named without ? and #", "write the path or the package's name alone");
  }
  if (/^\.{0,2}\//.test(text)) return undefined;
  const isPackage = /^(?:@[a-z\d~-][a-z\d._~-]*\/)?[a-z\d~-][a-z\d._~-]*$/.test(text);
  if (isPackage && !/\.[cm]?[jt]s$/.test(text)) return undefined;
  const fixes = new Map([
    ["~", "write the whole path, or one that begins with ./"],
    ["@", "write a package's name like @acme/keybearer-vault"],
  ]);
  const fix = fixes.get(text.charAt(0)) ?? "write a path with ./ in front";
  return message("CONFIG_VALUE", "neither a path nor the name of a package", fix);
}

export const secretSourcesSchema = v.pipe(
  v.array(specifier),
  v.rawCheck(({ dataset, addIssue }) => {
    const given: unknown = dataset.value;
    if (!Array.isArray(given)) return;
    for (const [index, text] of given.entries()) {
      if (typeof text !== "string" || given.indexOf(text) === index) continue;
      addIssue({ message: message("CONFIG_DUPLICATE", "this module is there twice"), path: [indexPath(index)] });
    }
  }),
);

export function buildModules(given: readonly string[] | undefined): readonly SecretSourceModule[] {
  return (given ?? []).map((specifier, index) => ({ path: ["secretSources", index], specifier }));
}
