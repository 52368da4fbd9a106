/** `keybearer keys check`: asks each provider whether it takes the key. 0: each that can be asked about; 1: not all. */
import { ConfigErrors } from "@keybearer/config";
import { checkKeys } from "../keys/check-keys.ts";
import { checkTable } from "../keys/table.ts";
import type { LookArguments } from "./arguments.ts";
import { look, readLookedAt } from "./look.ts";
import type { Terminal } from "./main.ts";

/** Throws ConfigErrors when no traffic would flow: a key goes nowhere that a running gateway would not send it. */
export async function checkEveryKey(args: LookArguments, terminal: Terminal): Promise<number> {
  const text = await readLookedAt(args, terminal);
  const loaded = await look(text, args, terminal, { readKeys: true, online: true });
  try {
    if (loaded.errors.length > 0) throw new ConfigErrors(loaded.errors);
    const report = await checkKeys(loaded, { config: text.name, now: Date.now });
    if (args.json) terminal.print(`${JSON.stringify(report, null, 2)}\n`);
    else terminal.print(report.keys.length === 0 ? "no keys\n" : checkTable(report));
    return report.ok ? 0 : 1;
  } finally {
    await loaded.close();
  }
}
