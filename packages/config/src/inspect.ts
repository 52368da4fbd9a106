/** Finds what a schema would overlook or stop at: unknown fields, fields not supported yet, a list for a map, nothing at all. */
import type { Path } from "./errors.ts";
import { describeKind, isMap, kindOf } from "./kind.ts";
import type { Problem } from "./problem.ts";
import { type Outline, outlineOf } from "./schema/outline.ts";
import { showName } from "./show.ts";
import { suggest } from "./suggest.ts";

/** All of them, at any depth. Works on every valibot schema; what another library made is left to it. */
export function inspect(schema: unknown, value: unknown, path: Path = []): Problem[] {
  const outline = outlineOf(schema);
  if (outline === undefined) return [];
  if (value === null && expectsSomething(outline)) return [nothing(path)];
  if (typeof value === "string" && outline.notes.notYet?.includes(value) === true)
    return [notSupported(value, path, "value", outline.values)];
  const kind = kindOf(value);
  const expected = expectedKind(outline);
  if (expected !== undefined && kind !== expected) return [wrongKind(outline, expected, value, path)];
  if (outline.options.length > 0) return inspect(chooseOption(outline.options, kind), value, path);
  if (Array.isArray(value)) return value.flatMap((item, index) => inspect(outline.item, item, [...path, index]));
  return isMap(value) ? inspectMap(outline, value, path) : [];
}

function inspectMap(outline: Outline, map: Readonly<Record<string, unknown>>, path: Path): Problem[] {
  return Object.entries(map).flatMap(([name, value]) => {
    const here = [...path, name];
    if (outline.entries !== undefined && Object.hasOwn(outline.entries, name)) {
      return inspect(outline.entries[name], value, here);
    }
    const isElsewhere = outline.notes.misplaced?.[name] !== undefined;
    return outline.isOpen && !isElsewhere ? inspect(outline.item, value, here) : [unknownField(outline, name, here)];
  });
}

function unknownField(outline: Outline, name: string, path: Path): Problem {
  if (outline.notes.notYet?.includes(name) === true) return notSupported(name, path, "key");
  const shown = showName(name);
  const misplaced = outline.notes.misplaced?.[name];
  if (misplaced !== undefined) {
    const message = `'${shown}' has no effect here`;
    return { code: "CONFIG_MISPLACED_FIELD", message, path, at: "key", fix: misplaced };
  }
  const allowed = Object.keys(outline.entries ?? {});
  const near = suggest(name, allowed) ?? suggest(name, outline.notes.notYet ?? []);
  const message = near === undefined ? `unknown field '${shown}'` : `unknown field '${shown}'; did you mean ${near}?`;
  return {
    code: "CONFIG_UNKNOWN_FIELD",
    message,
    path,
    at: "key",
    fix: `allowed here: ${allowed.join(", ")}`,
    meant: near,
  };
}

function notSupported(name: string, path: Path, at: "key" | "value", supported: readonly string[] = []): Problem {
  const fix = supported.length > 0 ? `supported here: ${supported.join(", ")}` : "remove it: it would be ignored";
  return { code: "CONFIG_NOT_SUPPORTED", message: `'${name}' is not supported yet`, path, at, fix };
}

function nothing(path: Path): Problem {
  const message = path.length === 0 ? "there is nothing here" : `'${showName(String(path.at(-1)))}' is empty`;
  return { code: "CONFIG_TYPE", message, path, at: "key", fix: "give it a value, or remove the line" };
}

function wrongKind(outline: Outline, expected: string, value: unknown, path: Path): Problem {
  const message = `expected ${expected}, found ${describeKind(value)}`;
  return { code: "CONFIG_TYPE", message, path, fix: outline.notes.fix };
}

/** The alternative that takes this kind of value, if only one does. */
function chooseOption(options: readonly unknown[], kind: string): unknown {
  if (options.length === 1) return options[0];
  const fitting = options.filter((option) => {
    const outline = outlineOf(option);
    return outline !== undefined && (expectedKind(outline) ?? "a scalar") === kind;
  });
  return fitting.length === 1 ? fitting[0] : undefined;
}

function expectedKind(outline: Outline): "a map" | "a list" | undefined {
  if (outline.entries !== undefined || outline.type === "record") return "a map";
  return outline.type === "array" ? "a list" : undefined;
}

function expectsSomething(outline: Outline): boolean {
  if (outline.type === "union")
    return outline.options.map(outlineOf).every((option) => option !== undefined && expectsSomething(option));
  return !["unknown", "any", "null", "nullable", "nullish", "variant"].includes(outline.type);
}
