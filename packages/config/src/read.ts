/** Text to values with places: decode, parse, expand. What cannot be read at all is thrown, the rest is handed on. */
import { decodeText, type DocumentProblem, parseDocument } from "./document.ts";
import { isKeyText } from "./key-places.ts";
import type { Problem } from "./problem.ts";
import { ConfigSource, wholeFileErrors } from "./source.ts";
import { buildTree } from "./tree.ts";

export interface ReadOptions {
  /** As it is shown in errors. */
  readonly fileName: string;
  /** What `$NAME` stands for; undefined: not set. */
  readonly lookup: (name: string) => string | undefined;
}

export interface ReadText {
  readonly value: unknown;
  /** Found on the way: variables that are not set, names that are there twice. */
  readonly problems: readonly Problem[];
  readonly source: ConfigSource;
}

/** Throws ConfigErrors for what is no text, or no YAML. */
export function readText(input: string | Uint8Array, { fileName, lookup }: ReadOptions): ReadText {
  const text = decodeText(input);
  if (typeof text !== "string") throw wholeFileErrors(fileName, text);
  const { contents, problems } = parseDocument(text);
  const whole = problems.find(({ offset }) => offset === undefined);
  if (whole !== undefined) throw wholeFileErrors(fileName, whole);
  if (problems.length > 0 || contents === null) {
    const source = new ConfigSource(fileName, text, { contents, targets: new Map(), isBroken: true });
    throw (
      source.errors(problems.map(placed)) ?? wholeFileErrors(fileName, { code: "CONFIG_EMPTY", message: "no config" })
    );
  }
  const tree = buildTree(contents, { text, lookup, isVerbatim: isKeyText });
  const source = new ConfigSource(fileName, text, { contents, targets: tree.targets, isBroken: false });
  return { value: tree.value, problems: tree.problems, source };
}

function placed({ offset = 0, length = 1, ...problem }: DocumentProblem): Problem {
  return { ...problem, path: [], span: { offset, length } };
}
