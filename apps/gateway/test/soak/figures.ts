/** What a soak has counted, as a small table. */
import type { Tally } from "./traffic.ts";
import { late, type Wait } from "./waits.ts";

export interface Figures {
  readonly title: string;
  readonly tally: Tally;
  readonly waits: readonly Wait[];
  readonly boundMs: number;
  /** How many of the failures the soak itself has caused. */
  readonly provoked?: number;
}

const columns = ["rotations", "requests", "provoked", "client errors", "in use: median", "p99", "max", "late"];

export function printFigures(name: string, all: readonly Figures[]): void {
  const rows = [[name, ...columns], ...all.map((figures) => [figures.title, ...cellsOf(figures)])];
  const widths = [name, ...columns].map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const aligned = (cell: string, at: number): string =>
    at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  console.log(`\n${rows.map((row) => row.map(aligned).join("  ")).join("\n")}\n`);
}

function cellsOf({ tally, waits, boundMs, provoked = 0 }: Figures): string[] {
  const { requests, failures } = tally;
  const counts = [waits.length, requests, provoked, failures.length - provoked];
  const sortedMs = waits.map(({ ms }) => ms).toSorted((one, other) => one - other);
  const quantile = (share: number): number => sortedMs[Math.ceil(share * sortedMs.length) - 1] ?? Number.NaN;
  return [
    ...counts.map((count) => count.toLocaleString("en")),
    ...[0.5, 0.99, 1].map((share) => `${quantile(share).toFixed(1)} ms`),
    String(late(waits, boundMs).length),
  ];
}
