/** Pages that print what the sources hold as data: the table of failures, metrics, alerts. Neither has a row more. */
import { join } from "node:path";
import { failureRules, isConfirmed, type StatusRange } from "@keybearer/providers";
import * as telemetry from "@keybearer/telemetry";
import { expect, test } from "vitest";
import { codesIn, rowsIn } from "./markdown.ts";
import { read, root } from "./workspace.ts";

const textOf = (path: string) => read(join(root, path));

test("docs/failures.md has the table of failures", () => {
  const table = failureRules.map((rule) => {
    const marks = [...(rule.codes ?? []).map((code) => `\`${code}\``), ...(rule.text ? ["text"] : [])];
    return [
      `\`${rule.name}\``,
      (rule.providers ?? []).join(", "),
      (rule.statuses ?? []).map(statusText).join(", "),
      (rule.html ? [...marks, "HTML"] : marks).join(", "),
      rule.class,
      rule.scope,
      isConfirmed(rule) ? "yes" : "no",
      rule.waitMs === undefined ? "" : waitText(rule.waitMs),
      rule.note,
    ];
  });
  const page = textOf("docs/failures.md");
  expect(rowsIn(page, ["rule", "provider"])).toEqual(table);
  const classes = rowsIn(page, ["class", "the request"]).flatMap(([cell = ""]) => codesIn(cell));
  expect(sorted(classes)).toEqual(sorted(failureRules.map((rule) => rule.class)));
});

test("docs/metrics.md has every metric, its type and its labels", () => {
  const registry = telemetry.createRegistry();
  telemetry.createRequestMetrics(registry).connectionClosed("bind/3000");
  telemetry.createProcessMetrics(registry, { version: "0.0.0" });
  telemetry.createKeyMetrics(registry, []);
  const made = Object.keys(telemetry).filter((name) => /^create\w+Metrics$/.test(name));
  expect(sorted(made), "all of them are asked here").toEqual([
    "createKeyMetrics",
    "createProcessMetrics",
    "createRequestMetrics",
  ]);
  const page = textOf("docs/metrics.md");
  const sets = new Map(rowsIn(page, ["set"]).map(([name = "", labels = ""]) => [name, codesIn(labels)]));
  const told = rowsIn(page, ["metric"]).map(([name = "", type, labels = ""]) => {
    const each = labels.split(", ").filter((label) => label !== "");
    return [name, type, each.flatMap((label) => sets.get(label) ?? codesIn(label))];
  });
  const registered = registry.snapshot().map(({ name, type, labels }) => [`\`${name}\``, type, labels]);
  expect(sorted(told.map(String))).toEqual(sorted(registered.map(String)));
});

test("docs/alerts.md has every alert and its fields", () => {
  const [, union = ""] = /type KeyAlert =([^]*?);\n\n/.exec(textOf("packages/keyring/src/settings.ts")) ?? [];
  const page = textOf("docs/alerts.md");
  const told = (head: string) => rowsIn(page, [head]).flatMap(([cell = ""]) => codesIn(cell));
  const names = Array.from(union.matchAll(/kind: "(\w+)"/g), ([, name = ""]) => name);
  const fields = Array.from(union.matchAll(/readonly (\w+):/g), ([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(0);
  expect(told("name")).toEqual(names);
  expect(sorted(told("field"))).toEqual(sorted(fields).filter((name) => name !== "kind"));
});

function statusText(range: StatusRange): string {
  if (range === 0) return "none";
  return typeof range === "number" ? String(range) : `${range[0]} to ${range[1]}`;
}

/** `30s`, `10m`, `1h`. */
function waitText(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1_000}s`;
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}
