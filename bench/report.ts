/** The table: for each scenario and subject the median, its spread, and the ratio to the baseline pair by pair. */
import { median, ratios } from "./measure/statistics.ts";
import type { Row, Scenario } from "./scenarios/scenario.ts";

const columns = ["subject", "median", "lowest to highest", "ratio", "lowest to highest", ""];
/** The others are right-aligned. */
const textColumns = new Set([0, columns.length - 1]);

/** `baseline`: the subject that the others are compared with. */
export function tableOf({ name, question, goal }: Scenario, rows: readonly Row[], baseline: string): string {
  const cells = rows.map((row) => cellsOf(row, ratiosOf(row, rows, baseline)));
  const widths = columns.map((title, index) => Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)));
  const padded = (cell: string, index: number) =>
    textColumns.has(index) ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0);
  const line = (row: readonly string[]) => `  ${row.map(padded).join("  ")}`.trimEnd();
  const aim = goal === undefined ? "" : ` (goal: ${goal})`;
  return [`${name}: ${question}${aim}`, line(columns), ...cells.map(line), ""].join("\n");
}

/** Of each pair; empty for the baseline itself, and where there is none. */
export function ratiosOf({ subject, topic, values }: Row, rows: readonly Row[], baseline: string): number[] {
  const compared = rows.find((row) => row.subject === baseline && row.topic === topic);
  const isComparable = subject !== baseline && compared?.values.length === values.length;
  return compared && isComparable ? ratios(values, compared.values) : [];
}

function cellsOf(row: Row, compared: readonly number[]): string[] {
  const { subject, topic, unit, values, failed, note = "" } = row;
  const title = topic === undefined ? subject : `${subject} ${topic}`;
  if (values.length === 0) return [title, failed ? "FAILED" : "not measured", "", "", "", note];
  return [
    title,
    `${figure(median(values))} ${unit}`,
    `${figure(Math.min(...values))} to ${figure(Math.max(...values))}`,
    ...(compared.length === 0
      ? ["", ""]
      : [median(compared).toFixed(2), `${Math.min(...compared).toFixed(2)} to ${Math.max(...compared).toFixed(2)}`]),
    note,
  ];
}

function figure(value: number): string {
  return value.toFixed(Math.abs(value) < 100 ? 1 : 0);
}
