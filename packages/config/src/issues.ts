/** valibot's issues, and those of any Standard Schema, as findings: no text of theirs that quotes a value gets through. */
import type { BaseIssue } from "valibot";
import type { Path } from "./errors.ts";
import { describeKind } from "./kind.ts";
import { type Problem, readMessage } from "./problem.ts";
import { showName } from "./show.ts";
import { suggest } from "./suggest.ts";

type Issue = BaseIssue<unknown>;

export function problemsOf(issues: readonly Issue[], parent: Path = []): Problem[] {
  return issues.flatMap((issue) => {
    const path = [...parent, ...pathOf(issue)];
    const alternatives = issue.issues === undefined ? [] : deepest(issue.issues);
    return alternatives.length > 0 ? problemsOf(alternatives, path) : [problemOf(issue, path)];
  });
}

/** Of a union's failures, those of the alternative that took this kind of value. */
function deepest(issues: readonly Issue[]): readonly Issue[] {
  return issues.filter((issue) => issue.kind !== "schema" || (issue.path?.length ?? 0) > 0);
}

function problemOf(issue: Issue, path: Path): Problem {
  const last = issue.path?.at(-1);
  if (last?.origin === "key" && issue.kind === "schema") {
    return issue.expected === "never"
      ? { code: "CONFIG_UNKNOWN_FIELD", message: `unknown field '${showName(String(path.at(-1)))}'`, path, at: "key" }
      : missing(path);
  }
  const isOwn = !issue.message.startsWith("Invalid ");
  const { code, message, fix } = readMessage(isOwn ? issue.message : expectation(issue));
  const isKind = issue.kind === "schema" && !isChoice(issue);
  const at = last?.origin === "key" ? "key" : "value";
  if (code === "CONFIG_MISSING_FIELD" && at === "key") return { ...missing(path), message, fix };
  const hint = fix ?? (isKind ? typeFix(issue) : choiceFix(issue));
  return { code: code ?? (isKind ? "CONFIG_TYPE" : "CONFIG_VALUE"), message, path, at, fix: hint };
}

function missing(path: Path): Problem {
  const lacks = String(path.at(-1));
  return { code: "CONFIG_MISSING_FIELD", message: `'${lacks}' is missing`, path: path.slice(0, -1), at: "key", lacks };
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  boolean: "true or false",
  Object: "a map",
  Array: "a list",
};

function expectation(issue: Issue): string {
  if (isChoice(issue)) {
    const names = choices(issue);
    return names.length > 2 ? `expected one of ${names.join(", ")}` : `expected ${names.join(" or ")}`;
  }
  const expected = (issue.expected ?? "another value").replace(/^\((.*)\)$/, "$1");
  const named = expected.split(" | ").map((name) => kinds[name] ?? name);
  return issue.kind === "schema"
    ? `expected ${named.join(" or ")}, found ${describeKind(issue.input)}`
    : `expected ${named.join(" or ")}`;
}

function isChoice(issue: Issue): boolean {
  return issue.type === "picklist" || issue.type === "literal" || issue.type === "enum";
}

function choices(issue: Issue): string[] {
  return [...(issue.expected ?? "").matchAll(/"([^"]*)"/g)].map(([, name]) => name ?? "");
}

function choiceFix(issue: Issue): string | undefined {
  const near = isChoice(issue) && typeof issue.input === "string" ? suggest(issue.input, choices(issue)) : undefined;
  return near === undefined ? undefined : `did you mean ${near}?`;
}

/** A value of the wrong kind that a quote more or less would fix. */
function typeFix(issue: Issue): string | undefined {
  const isScalar = ["string", "number", "boolean"].includes(typeof issue.input);
  if (issue.expected === "string" && isScalar) return "write it in quotes";
  const isText = typeof issue.input === "string";
  if (isText && (issue.expected === "number" || issue.expected === "boolean")) {
    return "write it without quotes; what a $VARIABLE gives is always text";
  }
  return undefined;
}

function pathOf(issue: Issue): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}
