/** The doctor's report for people: errors, then warnings, then what was not looked at. */
import { plain } from "../keys/columns.ts";
import type { DoctorReport, Finding } from "./finding.ts";

export function doctorText({ findings, notChecked, errors, warnings }: DoctorReport): string {
  const sections = [
    section(plural(errors, "error"), findings.filter(({ severity }) => severity === "error").map(findingText)),
    section(plural(warnings, "warning"), findings.filter(({ severity }) => severity === "warning").map(findingText)),
    section(
      `${plural(notChecked.length, "key")} not checked`,
      notChecked.length === 0
        ? []
        : [notChecked.map(({ name, place, why }) => plain(`${place}: ${name}: ${why}`)).join("\n")],
    ),
  ].flat();
  if (findings.length === 0) sections.unshift("Nothing wrong was found.");
  return `${sections.join("\n\n")}\n`;
}

function section(heading: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [heading, ...texts];
}

function findingText({ code, place, message, frame, found, fix }: Finding): string {
  const lines = [plain(`${place === undefined ? "" : `${place}: `}${code}: ${message}`)];
  if (frame !== undefined) lines.push("", frame);
  if (found !== undefined) lines.push(`      found  ${plain(found)}`);
  if (fix !== undefined) lines.push(`      fix    ${plain(fix)}`);
  return lines.join("\n");
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
