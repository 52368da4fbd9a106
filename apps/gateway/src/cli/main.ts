/** The binary: a command line in, an exit code out. */
import { configJsonSchema, ConfigErrors } from "@keybearer/config";
import { GatewayError, stackOf } from "../errors.ts";
import { providers, sources } from "../implementations.ts";
import { version } from "../version.ts";
import { HELP, parseArguments, USAGE, UsageError, type Arguments } from "./arguments.ts";
import { initSource } from "./init-source.ts";
import { reload } from "./reload.ts";
import { doctor } from "./doctor.ts";
import { keys } from "./keys.ts";
import { checkEveryKey } from "./keys-check.ts";
import { writeNewFiles } from "./new-files.ts";
import { runGateway } from "./run.ts";
import { nextSteps, STARTER_CONFIG } from "./starter.ts";
import { validate } from "./validate.ts";

/** What a command needs of the world around it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly stdin: NodeJS.ReadableStream;
  /** For people: messages and errors. */
  say(text: string): void;
  /** What was asked for. */
  print(text: string): void;
}

/** Exit code: 0 done, 1 it cannot be done and why was said, 2 the command line cannot be understood. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await run(parseArguments(argv), terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.say(`keybearer: ${error.message}\n${USAGE}\n`);
      return 2;
    }
    terminal.say(explain(error));
    return 1;
  }
}

async function run(args: Arguments, terminal: Terminal): Promise<number> {
  switch (args.command) {
    case "help":
      terminal.print(HELP);
      return 0;
    case "version":
      terminal.print(`${version}\n`);
      return 0;
    case "schema":
      terminal.print(`${JSON.stringify(configJsonSchema({ sources, providers }), null, 2)}\n`);
      return 0;
    case "init":
      return init(args.file ?? "config.yaml", terminal);
    case "init source":
      return initSource(args, terminal);
    case "reload":
      return reload(args, terminal);
    case "keys":
      return keys(args, terminal);
    case "keys check":
      return checkEveryKey(args, terminal);
    case "doctor":
      return doctor(args, terminal);
    case "run":
      return args.validateOnly ? validate(args, terminal) : runGateway(args, terminal);
  }
}

async function init(file: string, terminal: Terminal): Promise<number> {
  await writeNewFiles([{ path: file, text: STARTER_CONFIG, mode: 0o600 }], terminal.workingDirectory);
  terminal.say(nextSteps(file));
  return 0;
}

/** Every error that an operator can cause, without a stack; a bug says that it is one. */
function explain(error: unknown): string {
  if (ConfigErrors.is(error)) return `${error.format()}\n`;
  if (GatewayError.is(error)) return `keybearer: ${error.code}: ${error.message}\n`;
  return `keybearer: this is a fault of keybearer itself, please report it:\n${stackOf(error)}\n`;
}
