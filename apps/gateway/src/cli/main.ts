/** The binary: a command line in, an exit code out. */
import { ConfigErrors } from "@keybearer/config";
import { GatewayError, stackOf } from "../errors.ts";
import { version } from "../version.ts";
import { HELP, parseArguments, USAGE, UsageError, type Arguments } from "./arguments.ts";

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

/** Each command brings its own code, so that a gateway starts without that of the others. */
async function run(args: Arguments, terminal: Terminal): Promise<number> {
  switch (args.command) {
    case "help":
      terminal.print(HELP);
      return 0;
    case "version":
      terminal.print(`${version}\n`);
      return 0;
    case "schema":
      return (await import("./schema.ts")).schema(terminal);
    case "init":
      return (await import("./init.ts")).init(args.file ?? "config.yaml", terminal);
    case "init source":
      return (await import("./init-source.ts")).initSource(args, terminal);
    case "reload":
      return (await import("./reload.ts")).reload(args, terminal);
    case "keys":
      return (await import("./keys.ts")).keys(args, terminal);
    case "keys check":
      return (await import("./keys-check.ts")).checkEveryKey(args, terminal);
    case "doctor":
      return (await import("./doctor.ts")).doctor(args, terminal);
    case "run":
      if (args.validateOnly) return (await import("./validate.ts")).validate(args, terminal);
      return (await import("./run.ts")).runGateway(args, terminal);
  }
}

/** Every error that an operator can cause, without a stack; a bug says that it is one. */
function explain(error: unknown): string {
  if (ConfigErrors.is(error)) return `${error.format()}\n`;
  if (GatewayError.is(error)) return `keybearer: ${error.code}: ${error.message}\n`;
  return `keybearer: this is a fault of keybearer itself, please report it:\n${stackOf(error)}\n`;
}
