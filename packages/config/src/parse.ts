/** Text to config: decode, parse, expand, look for what is unknown, validate, build. Every error at once. */
import * as v from "valibot";
import type { Config } from "./config.ts";
import { decodeText, type DocumentProblem, parseDocument } from "./document.ts";
import type { Path } from "./errors.ts";
import { inspect } from "./inspect.ts";
import { problemsOf } from "./issues.ts";
import type { Problem } from "./problem.ts";
import { buildConfig, rootSchema, type SchemaParts } from "./schema/root.ts";
import { ConfigSource, wholeFileErrors } from "./source.ts";
import { buildTree } from "./tree.ts";

export interface ParseOptions extends SchemaParts {
  /** As it is shown in errors. */
  readonly fileName: string;
  /** What `$NAME` stands for; undefined: not set. */
  readonly lookup: (name: string) => string | undefined;
}

export interface ParsedConfig {
  readonly config: Config;
  readonly source: ConfigSource;
}

/**
 * Reads YAML 1.2 or JSON. `$VAR` is expanded inside strings, except where a string is a key: its source gets that text.
 * Throws ConfigErrors with every error, in file order.
 */
export function parseConfig(text: string | Uint8Array, options: ParseOptions): ParsedConfig {
  const { fileName, lookup } = options;
  const decoded = decodeText(text);
  if (typeof decoded !== "string") throw wholeFileErrors(fileName, decoded);
  const { contents, problems } = parseDocument(decoded);
  const whole = problems.find(({ offset }) => offset === undefined);
  if (whole !== undefined) throw wholeFileErrors(fileName, whole);
  if (problems.length > 0 || contents === null) {
    const source = new ConfigSource(fileName, decoded, { contents, targets: new Map(), isBroken: true });
    throw (
      source.errors(problems.map(placed)) ?? wholeFileErrors(fileName, { code: "CONFIG_EMPTY", message: "no config" })
    );
  }
  const tree = buildTree(contents, { text: decoded, lookup, isVerbatim: isKeyText });
  const source = new ConfigSource(fileName, decoded, { contents, targets: tree.targets, isBroken: false });
  const config = validate(tree.value, tree.problems, source, options);
  return { config, source };
}

function validate(value: unknown, earlier: readonly Problem[], source: ConfigSource, parts: SchemaParts): Config {
  const schema = rootSchema(parts);
  const inspected = withoutEchoes(inspect(schema, value), earlier);
  const result = v.safeParse(schema, value);
  const found = [...earlier, ...inspected];
  const issues = result.issues === undefined ? [] : withoutEchoes(problemsOf(result.issues), found);
  const errors = source.errors([...found, ...issues]);
  if (errors !== undefined) throw errors;
  if (!result.success) throw new TypeError("a schema refused the config and gave no reason");
  return buildConfig(result.output);
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

/** A key that is a bare string stands at `backendAuth.key`, at `.key.value` or in `.credentials[].key`. */
function isKeyText(path: Path): boolean {
  const place =
    /^binds\.\d+\.listeners\.\d+\.routes\.\d+\.(?:backends\.\d+\.(?:ai\.)?)?policies\.backendAuth\.(?:key(?:\.value)?|credentials\.\d+\.key)$/;
  return place.test(path.join("."));
}

function placed({ offset = 0, length = 1, ...problem }: DocumentProblem): Problem {
  return { ...problem, path: [], span: { offset, length } };
}
