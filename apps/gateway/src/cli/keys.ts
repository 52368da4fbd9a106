/** `keybearer keys`: every key, as the running gateway holds it, or as the config alone tells. */
import { ConfigErrors } from "@keybearer/config";
import { keysReport, type KeysReport } from "../keys/report.ts";
import { keysTable } from "../keys/table.ts";
import { adminUrl } from "./admin-address.ts";
import { askForKeys } from "./admin-client.ts";
import type { LookArguments } from "./arguments.ts";
import { adminHeaders } from "./admin-token.ts";
import { look, ownAdminHeaders, readLookedAt } from "./look.ts";
import type { Terminal } from "./main.ts";

export async function keys(args: LookArguments, terminal: Terminal): Promise<number> {
  const report = args.admin === undefined ? await found(args, terminal) : await askAt(args.admin, args, terminal);
  if (args.json) terminal.print(`${JSON.stringify(report, null, 2)}\n`);
  else terminal.print(report.keys.length === 0 ? "no keys\n" : keysTable(report));
  return 0;
}

/** The token is the config's, where one is found here that can be read. */
async function askAt(url: string, args: LookArguments, terminal: Terminal): Promise<KeysReport> {
  return askForKeys(url, await ownAdminHeaders(args, terminal));
}

/** Of the gateway at the config's admin port, else of the config. Which of them, is said. */
async function found(args: LookArguments, terminal: Terminal): Promise<KeysReport> {
  const text = await readLookedAt(args, terminal);
  const glance = await look(text, args, terminal, { readKeys: false, readAdminToken: true, online: false });
  const headers = adminHeaders(glance.adminToken);
  await glance.close();
  const { adminAddr } = glance.settings;
  if (adminAddr === "off" || adminAddr.port === 0) {
    terminal.say(`${text.name} names no admin port to ask, so this is what it says by itself\n`);
    return ofConfig(args, terminal, text);
  }
  const url = adminUrl(adminAddr);
  const answer = await askForKeys(url, headers, "if it is there");
  if (answer === undefined) {
    terminal.say(`no gateway answers at ${url}, so this is what ${text.name} says by itself\n`);
    return ofConfig(args, terminal, text);
  }
  terminal.say(`from the gateway at ${url}, which runs ${answer.config}\n`);
  return answer;
}

async function ofConfig(
  args: LookArguments,
  terminal: Terminal,
  text: Awaited<ReturnType<typeof readLookedAt>>,
): Promise<KeysReport> {
  const loaded = await look(text, args, terminal, { readKeys: true, online: true });
  try {
    if (loaded.errors.length > 0) terminal.say(`${new ConfigErrors(loaded.errors).format()}\n\n`);
    return keysReport({
      from: "config",
      config: text.name,
      keys: loaded.keys,
      views: [],
      metrics: [],
      now: Date.now(),
    });
  } finally {
    await loaded.close();
  }
}
