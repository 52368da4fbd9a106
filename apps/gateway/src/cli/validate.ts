/** `--validate-only`: resolves everything that a start would resolve, and starts nothing. */
import { readConfigText } from "../config-text.ts";
import { readEnvironment } from "../environment.ts";
import { loadConfig } from "../load/load.ts";
import type { RunArguments } from "./arguments.ts";
import type { Terminal } from "./main.ts";

export async function validate(args: RunArguments, terminal: Terminal): Promise<number> {
  const { env, workingDirectory, stdin } = terminal;
  const text = await readConfigText({ file: args.file, inline: args.inline, workingDirectory, env, stdin });
  const loaded = await loadConfig(text, {
    env: await readEnvironment(args.envFiles, workingDirectory, env),
    settingsEnv: env,
    workingDirectory,
    readKeys: !args.noKeys,
    runSources: args.runSources,
    report: () => undefined,
  });
  for (const notice of loaded.notices) terminal.say(`${notice}\n`);
  for (const { name, place, unread } of args.noKeys ? [] : loaded.keys) {
    if (unread !== undefined) terminal.say(`${place}: the key ${name} is not checked: ${unread}\n`);
  }
  await loaded.close();
  terminal.print("Configuration is valid!\n");
  return 0;
}
