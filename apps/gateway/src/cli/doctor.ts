/** `keybearer doctor`: what is wrong or risky with config and keys. 0: no error; 1: one, or with --strict a warning. */
import { ConfigErrors } from "@keybearer/config";
import type { ConfigText } from "../config-text.ts";
import { examine, report, type Surroundings } from "../doctor/examine.ts";
import { fromError, type DoctorReport } from "../doctor/finding.ts";
import { nodeFindings } from "../doctor/node-version.ts";
import { doctorText } from "../doctor/text.ts";
import type { LookArguments } from "./arguments.ts";
import { look, readLookedAt } from "./look.ts";
import type { Terminal } from "./main.ts";

export async function doctor(args: LookArguments, terminal: Terminal): Promise<number> {
  const text = await readLookedAt(args, terminal);
  const found = await examined(text, args, terminal);
  terminal.print(args.json ? `${JSON.stringify(found, null, 2)}\n` : doctorText(found));
  return found.errors > 0 || (args.strict && found.warnings > 0) ? 1 : 0;
}

async function examined(text: ConfigText, args: LookArguments, terminal: Terminal): Promise<DoctorReport> {
  const around: Surroundings = {
    workingDirectory: terminal.workingDirectory,
    envFiles: args.envFiles,
    platform: process.platform,
    nodeVersion: process.versions.node,
    now: Date.now,
    online: args.online,
  };
  try {
    const loaded = await look(text, args, terminal, { readKeys: true, online: args.online });
    try {
      return await examine(text, loaded, around);
    } finally {
      await loaded.close();
    }
  } catch (error) {
    if (!ConfigErrors.is(error)) throw error;
    return report(text, [...error.errors.map(fromError), ...nodeFindings(around.nodeVersion)], [], around);
  }
}
