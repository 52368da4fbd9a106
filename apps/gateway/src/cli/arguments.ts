/** The command line, parsed: what was asked for, or why it cannot be understood. */
import { parseArgs } from "node:util";

export const USAGE = `usage: keybearer [-f FILE|-] [-c YAML] [--validate-only [--no-keys]] [--env-file FILE]... [-V] [-h]
       keybearer init [FILE]
       keybearer schema`;

export const HELP = `${USAGE}

An LLM gateway that holds the keys.

  -f, --file FILE     the config; - reads standard input
  -c, --config YAML   the config itself
      --validate-only check the config and every key in it, then exit
      --no-keys       with --validate-only: leave the keys unread
      --env-file FILE variables for $VAR in the config (dotenv); several may be given, the last wins,
                      and the process environment wins over them
  -V, --version       print the version
  -h, --help          print this

  init                write a starter config
  schema              print the JSON Schema of the config, for editors

Without -f and -c: ./config.yaml, \${XDG_CONFIG_HOME:-~/.config}/keybearer/config.yaml, /config/config.yaml.
`;

export interface RunArguments {
  readonly command: "run";
  readonly file: string | undefined;
  readonly inline: string | undefined;
  readonly validateOnly: boolean;
  readonly noKeys: boolean;
  readonly envFiles: readonly string[];
}

export type Arguments =
  | RunArguments
  | { readonly command: "init"; readonly file: string | undefined }
  | { readonly command: "schema" | "version" | "help" };

/** A command line that cannot be understood; the message is one line, without the usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Throws UsageError. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  if (values.help) return { command: "help" };
  if (values.version) return { command: "version" };
  const [command, ...rest] = positionals;
  if (command === undefined) return runArguments(values);
  if (rest.length > (command === "init" ? 1 : 0)) throw new UsageError(`unexpected argument: ${rest.at(-1)}`);
  if (command === "init") return { command, file: rest[0] };
  if (command === "schema") return { command };
  throw new UsageError(`unknown command: ${command}`);
}

const options = {
  file: { type: "string", short: "f" },
  config: { type: "string", short: "c" },
  "validate-only": { type: "boolean", default: false },
  "no-keys": { type: "boolean", default: false },
  "env-file": { type: "string", multiple: true, default: [] as string[] },
  version: { type: "boolean", short: "V", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    // node's message has a second sentence about `--`, which is of no use here.
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    throw new UsageError(first.charAt(0).toLowerCase() + first.slice(1), { cause: error });
  }
}

function runArguments(values: ReturnType<typeof parse>["values"]): RunArguments {
  if (values.file !== undefined && values.config !== undefined) throw new UsageError("-f and -c exclude each other");
  if (values["no-keys"] && !values["validate-only"]) throw new UsageError("--no-keys goes with --validate-only");
  return {
    command: "run",
    file: values.file,
    inline: values.config,
    validateOnly: values["validate-only"],
    noKeys: values["no-keys"],
    envFiles: values["env-file"],
  };
}
