/** Metrics as text: Prometheus' exposition format 0.0.4. */
import type { Family, Series } from "./family.ts";

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function exposition(families: readonly Family[]): string {
  return families.map(familyText).join("");
}

function familyText(family: Family): string {
  if (family.all.length === 0) return "";
  const lines = [`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`];
  for (const series of family.all) {
    const labels = family.labels.map((name, index) => `${name}="${escapeLabel(series.labels[index] ?? "")}"`);
    if (family.type === "histogram") lines.push(...histogramLines(family, series, labels));
    else lines.push(`${family.name}${braced(labels)} ${numberText(series.value)}`);
  }
  return `${lines.join("\n")}\n`;
}

function histogramLines(family: Family, series: Series, labels: readonly string[]): string[] {
  let total = 0;
  const lines = series.counts.map((count, index) => {
    total += count;
    const bound = numberText(family.buckets[index] ?? Infinity);
    return `${family.name}_bucket${braced([...labels, `le="${bound}"`])} ${total}`;
  });
  lines.push(`${family.name}_sum${braced(labels)} ${numberText(series.value)}`);
  lines.push(`${family.name}_count${braced(labels)} ${total}`);
  return lines;
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? "" : `{${labels.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

function escapeHelp(value: string): string {
  return value.replace(/[\\\n]/g, (character) => (character === "\n" ? "\\n" : "\\\\"));
}
