/** `requestHeaderModifier:` and `responseHeaderModifier:`. */
import * as v from "valibot";
import type { Path } from "../errors.ts";
import type { HeaderField, HeaderModifier } from "../policy-config.ts";
import { message } from "../problem.ts";
import { fieldPath } from "./choice.ts";
import { fields, may } from "./notes.ts";
import { headerName, headerValue } from "./values.ts";

/** They frame a message or belong to one connection: a wrong one would let a request hide in another. */
const connectionHeaders = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const changeableName = v.pipe(
  headerName,
  v.check(
    (name) => !connectionHeaders.has(name),
    message("CONFIG_VALUE", "this header belongs to the connection and cannot be changed"),
  ),
  v.check(
    (name) => name !== "host",
    message("CONFIG_VALUE", "Host cannot be changed here", "use urlRewrite.authority"),
  ),
);

// The name is checked here and turned to lower case when the list is built, so that no two of a map fall together.
const name = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const [issue] = v.safeParse(changeableName, dataset.value).issues ?? [];
    if (issue !== undefined) addIssue({ message: issue.message });
  }),
);

export const headerFields = v.pipe(
  v.record(name, headerValue),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const seen = new Set<string>();
    for (const key of Object.keys(dataset.value)) {
      if (seen.has(key.toLowerCase())) {
        const text = message("CONFIG_DUPLICATE", "this header is there twice", "names of headers have no case");
        addIssue({ message: text, path: fieldPath(key) });
      }
      seen.add(key.toLowerCase());
    }
  }),
);

export const headerModifierSchema = fields({
  add: may(headerFields, "Headers added to those of that name."),
  set: may(headerFields, "Headers put in place of those of that name."),
  remove: may(v.array(changeableName), "Headers taken out."),
});

type Given = v.InferOutput<typeof headerModifierSchema>;

export function buildHeaderModifier(given: Given | undefined, path: Path): HeaderModifier | undefined {
  if (given === undefined) return undefined;
  const { add = {}, set = {}, remove = [] } = given;
  return { path, add: buildHeaderFields(add), set: buildHeaderFields(set), remove };
}

export function buildHeaderFields(map: Readonly<Record<string, string>>): HeaderField[] {
  return Object.entries(map).map(([key, value]) => [key.toLowerCase(), value]);
}
