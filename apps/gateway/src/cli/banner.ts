/** What is said once at the start: what listens where, each key, what is worth knowing, and a line to try. */
import type { Gateway } from "../gateway.ts";
import { version } from "../version.ts";

export function banner(gateway: Gateway): string {
  const { urls, keys, notices, example } = gateway;
  const sections = [
    [`keybearer ${version}`],
    table([
      ...urls.binds.map((url) => ["listening", url]),
      ...(urls.readiness ? [["readiness", `${urls.readiness}/healthz/ready`]] : []),
      ...(urls.stats ? [["metrics", `${urls.stats}/metrics`]] : []),
      ...(urls.admin ? [["admin", urls.admin]] : []),
    ]),
    table(
      keys.map(({ name, source, fingerprint, place }) => [
        "key",
        name,
        source,
        fingerprint ?? "the caller's own",
        place,
      ]),
    ),
    [...notices],
    example === undefined ? [] : ["try", `  ${example}`],
  ];
  const text = sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return `${text.join("\n\n")}\n\n`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
