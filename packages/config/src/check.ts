/** A value against a schema: every problem once, whether the schema, our own inspection or the reading found it. */
import * as v from "valibot";
import type { Path } from "./errors.ts";
import { inspect } from "./inspect.ts";
import { problemsOf } from "./issues.ts";
import type { Problem } from "./problem.ts";
import type { ReadText } from "./read.ts";

/** Throws ConfigErrors, with what was found before among them. */
export function check<Schema extends v.GenericSchema>(schema: Schema, { value, problems, source }: ReadText) {
  const inspected = withoutEchoes(inspect(schema, value), problems);
  const result = v.safeParse(schema, value);
  const found = [...problems, ...inspected];
  const issues = result.issues === undefined ? [] : withoutEchoes(problemsOf(result.issues), found);
  const errors = source.errors([...found, ...issues]);
  if (errors !== undefined) throw errors;
  if (!result.success) throw new TypeError("a schema refused the config and gave no reason");
  return result.output;
}

/** Leaves out what only follows from an earlier finding: at its place or below, or missing since it is misspelt. */
function withoutEchoes(problems: readonly Problem[], earlier: readonly Problem[]): Problem[] {
  const causes = new Set(earlier.map(({ path }) => pathKey(path)));
  const beside = Map.groupBy(earlier, ({ path, at }) => (at === "key" ? pathKey(path.slice(0, -1)) : undefined));
  return problems.filter(({ path, code, lacks }) => {
    for (let length = 0; length <= path.length; length += 1) {
      if (causes.has(pathKey(path.slice(0, length)))) return false;
    }
    if (code !== "CONFIG_MISSING_FIELD") return true;
    const siblings = beside.get(pathKey(path)) ?? [];
    return siblings.every(
      (cause) => cause.code === "CONFIG_UNKNOWN_FIELD" && lacks !== undefined && cause.meant !== lacks,
    );
  });
}

function pathKey(path: Path): string {
  return path.join("\n");
}
