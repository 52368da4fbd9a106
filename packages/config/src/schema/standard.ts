/** A Standard Schema of any library as a valibot schema. */
import * as v from "valibot";

/** The part of https://standardschema.dev that is used. */
export interface StandardSchema {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
  };
}

interface StandardResult {
  readonly value?: unknown;
  readonly issues?: readonly StandardIssue[] | undefined;
}

interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** valibot's own are taken as they are, so that their fields can be looked up; others are asked as they stand. */
export function fromStandard(schema: StandardSchema): v.GenericSchema {
  if (isValibot(schema)) return schema;
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): unknown => {
      const result = schema["~standard"].validate(dataset.value);
      if (result instanceof Promise) throw new TypeError("the schema of a key source must answer at once");
      if (result.issues === undefined) return result.value;
      for (const issue of result.issues) {
        const text = hideTexts(issue.message, dataset.value);
        const [first, ...more] = pathItems(issue);
        addIssue(first === undefined ? { message: text } : { message: text, path: [first, ...more] });
      }
      return NEVER;
    }),
  );
}

function isValibot(schema: StandardSchema): schema is StandardSchema & v.GenericSchema {
  return schema["~standard"].vendor === "valibot" && "kind" in schema && "~run" in schema;
}

function pathItems(issue: StandardIssue): v.UnknownPathItem[] {
  return (issue.path ?? []).map((part) => {
    const key = typeof part === "object" ? part.key : part;
    return { type: "unknown", origin: "value", input: undefined, key, value: undefined };
  });
}

/** Another library's message may quote what it was given. */
function hideTexts(text: string, value: unknown): string {
  if (typeof value === "string") return value === "" ? text : text.replaceAll(value, "(hidden)");
  if (typeof value !== "object" || value === null) return text;
  return Object.values(value).reduce<string>(hideTexts, text);
}
