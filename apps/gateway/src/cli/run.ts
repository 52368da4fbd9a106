/** `keybearer`: starts the gateway, says what listens where, and runs until a signal. */
import { readConfigText } from "../config-text.ts";
import { readEnvironment } from "../environment.ts";
import { createGateway } from "../gateway.ts";
import { createOutput } from "../output.ts";
import type { RunArguments } from "./arguments.ts";
import { banner } from "./banner.ts";
import type { Terminal } from "./main.ts";
import { onHangup, untilSignal } from "./signals.ts";

const STDOUT = 1;
const FLUSH_LIMIT_MS = 1000;

export async function runGateway(args: RunArguments, terminal: Terminal): Promise<number> {
  const { env, workingDirectory, stdin } = terminal;
  const text = await readConfigText({ file: args.file, inline: args.inline, workingDirectory, env, stdin });
  // `keybearer | head` ends when head does.
  const output = createOutput(STDOUT, () => process.exit(0));
  let quit: () => void = () => undefined;
  const environment = await readEnvironment(args.envFiles, workingDirectory, env);
  const watching = environment.watch();
  // Until it serves, a SIGHUP must not end it.
  let isReloadDue = false;
  let reload = (): void => void (isReloadDue = true);
  onHangup(
    () => reload(),
    () => quit(),
  );
  const gateway = await createGateway({
    config: text,
    env: environment,
    settingsEnv: env,
    workingDirectory,
    accessLog: (lines) => output.write(lines),
    log: (lines) => terminal.say(lines),
    terminal: process.stdout.isTTY,
    quit: () => quit(),
  });
  reload = () => void gateway.reload("SIGHUP");
  if (isReloadDue) reload();
  terminal.say(banner(gateway));
  await new Promise<void>((resolve) => {
    quit = resolve;
    untilSignal(resolve);
  });
  watching.close();
  await gateway.close();
  await output.flush(FLUSH_LIMIT_MS);
  return 0;
}
