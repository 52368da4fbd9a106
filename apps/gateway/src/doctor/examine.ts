/** Everything wrong or risky with a config and its keys. */
import type { ConfigText } from "../config-text.ts";
import type { Loaded } from "../load/load.ts";
import { certificateFindings } from "./certificates.ts";
import { doorFindings } from "./doors.ts";
import { fileFindings } from "./files.ts";
import { fromError, type DoctorReport, type Finding } from "./finding.ts";
import { keyFindings } from "./keys.ts";
import { nodeFindings } from "./node-version.ts";
import { providerFindings } from "./providers.ts";

/** What is around a config. */
export interface Surroundings {
  readonly workingDirectory: string;
  readonly envFiles: readonly string[];
  readonly platform: NodeJS.Platform;
  /** `22.19.0`. */
  readonly nodeVersion: string;
  readonly now: () => number;
  /** Whether providers may be asked. */
  readonly online: boolean;
}

/** `loaded` by a tolerant load. */
export async function examine(text: ConfigText, loaded: Loaded, around: Surroundings): Promise<DoctorReport> {
  const findings = [
    ...loaded.errors.map(fromError),
    ...keyFindings(loaded),
    ...doorFindings(loaded),
    ...(await fileFindings(loaded, {
      configPath: text.path,
      configName: text.name,
      envFiles: around.envFiles,
      directories: [text.directory, around.workingDirectory],
      platform: around.platform,
    })),
    ...(await certificateFindings(loaded, around)),
    ...nodeFindings(around.nodeVersion),
    ...(around.online ? await providerFindings(loaded, text.name, around.now) : []),
  ];
  const notChecked = loaded.keys.flatMap(({ name, place, unread }) =>
    unread === undefined ? [] : [{ name, place, why: unread }],
  );
  return report(text, findings, notChecked, around);
}

/** Of a config that cannot be understood, nothing else can be said. */
export function report(
  { name }: ConfigText,
  findings: readonly Finding[],
  notChecked: DoctorReport["notChecked"],
  { now }: Pick<Surroundings, "now">,
): DoctorReport {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return {
    config: name,
    at: new Date(now()).toISOString(),
    errors,
    warnings: findings.length - errors,
    findings,
    notChecked,
  };
}
