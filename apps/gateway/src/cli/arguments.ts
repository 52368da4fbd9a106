/** The command line, parsed: what was asked for, or why it cannot be understood. */
import { parseArgs } from "node:util";

export const USAGE = `usage: keybearer [-f FILE|-] [-c YAML] [--validate-only [--no-keys]] [--env-file FILE]... [-V] [-h]
       keybearer reload [--admin URL | -f FILE]
       keybearer keys [check] [-f FILE|-] [-c YAML] [--admin URL] [--json] [--run-sources]
       keybearer doctor [-f FILE|-] [-c YAML] [--json] [--run-sources] [--online] [--strict]
       keybearer init [FILE]
       keybearer init source NAME [DIRECTORY]
       keybearer schema`;

export const HELP = `${USAGE}

An LLM gateway that holds the keys.

  -f, --file FILE     the config; - reads standard input
  -c, --config YAML   the config itself
      --validate-only check the config and every key in it, then exit
      --no-keys       with --validate-only: leave the keys unread
      --env-file FILE variables for $VAR in the config (dotenv); several may be given, the last wins,
                      and the process environment wins over them
      --run-sources   with --validate-only, keys and doctor: also read keys that need a program or a module
      --admin URL     with reload and keys: the admin port to ask; by default that of the config
      --online        with doctor: also ask the providers and stores
      --strict        with doctor: warnings fail as errors do
      --json          with keys and doctor: JSON instead of a table
  -V, --version       print the version
  -h, --help          print this

  reload              have the running gateway read its config again; 1 and every error if it refuses
  keys                every key: of the running gateway, or of the config alone
  keys check          ask each provider, by a call that costs nothing, whether it takes the key
  doctor              what is wrong or risky with config and keys, and how to mend it
  init                write a starter config
  init source         write a key source of your own, NAME.mjs, and its test
  schema              print the JSON Schema of the config, for editors

Without -f and -c: ./config.yaml, \${XDG_CONFIG_HOME:-~/.config}/keybearer/config.yaml, /config/config.yaml.
`;

export interface RunArguments {
  readonly command: "run";
  readonly file: string | undefined;
  readonly inline: string | undefined;
  readonly validateOnly: boolean;
  readonly noKeys: boolean;
  readonly runSources: boolean;
  readonly envFiles: readonly string[];
}

/** A look at a config and its keys. */
export interface LookArguments {
  readonly command: "keys" | "keys check" | "doctor";
  readonly file: string | undefined;
  readonly inline: string | undefined;
  readonly envFiles: readonly string[];
  readonly admin: string | undefined;
  readonly json: boolean;
  readonly runSources: boolean;
  readonly online: boolean;
  readonly strict: boolean;
}

export interface ReloadArguments {
  readonly command: "reload";
  /** URL of the admin port. */
  readonly admin: string | undefined;
  /** The config that says where the admin port is. */
  readonly file: string | undefined;
  readonly envFiles: readonly string[];
}

export interface InitSourceArguments {
  readonly command: "init source";
  /** The source's word in YAML. */
  readonly name: string;
  /** Where its files go. */
  readonly directory: string;
}

export type Arguments =
  | RunArguments
  | LookArguments
  | ReloadArguments
  | InitSourceArguments
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
  refuseStrayFlags(positionals.slice(0, 2).join(" "), values);
  if (command === undefined) return runArguments(values);
  if (command === "keys" || command === "doctor") return lookArguments(command, rest, values);
  if (command === "init" && rest[0] === "source") return initSourceArguments(rest.slice(1));
  if (rest.length > (command === "init" ? 1 : 0)) throw new UsageError(`unexpected argument: ${rest.at(-1)}`);
  if (command === "init") return { command, file: rest[0] };
  if (command === "schema") return { command };
  if (command === "reload") return reloadArguments(values);
  throw new UsageError(`unknown command: ${command}`);
}

const options = {
  file: { type: "string", short: "f" },
  config: { type: "string", short: "c" },
  "validate-only": { type: "boolean", default: false },
  "no-keys": { type: "boolean", default: false },
  admin: { type: "string" },
  "run-sources": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  online: { type: "boolean", default: false },
  strict: { type: "boolean", default: false },
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

type Values = ReturnType<typeof parse>["values"];

function reloadArguments({ admin, file, "env-file": envFiles }: Values): ReloadArguments {
  if (file === "-") throw new UsageError("a config from standard input cannot be read twice: give --admin URL");
  if (admin !== undefined && !/^https?:$/.test(URL.parse(admin)?.protocol ?? "")) {
    throw new UsageError("--admin is a URL: http://localhost:15000");
  }
  return { command: "reload", admin, file, envFiles };
}

function initSourceArguments([name, directory = ".", ...more]: readonly string[]): InitSourceArguments {
  if (name === undefined) throw new UsageError("init source needs a name: keybearer init source NAME");
  if (!/^[a-z][a-z\d-]*$/.test(name)) {
    throw new UsageError(`a source's name is lower-case letters, digits and -, a letter first; this is ${name}`);
  }
  if (more.length > 0) throw new UsageError(`unexpected argument: ${more[0]}`);
  return { command: "init source", name, directory };
}

function runArguments(values: Values): RunArguments {
  if (values.file !== undefined && values.config !== undefined) throw new UsageError("-f and -c exclude each other");
  if (values["no-keys"] && !values["validate-only"]) throw new UsageError("--no-keys goes with --validate-only");
  if (values["run-sources"] && !values["validate-only"]) {
    throw new UsageError("--run-sources goes with --validate-only, keys and doctor");
  }
  return {
    command: "run",
    file: values.file,
    inline: values.config,
    validateOnly: values["validate-only"],
    noKeys: values["no-keys"],
    runSources: values["run-sources"],
    envFiles: values["env-file"],
  };
}

/** Flags that would have no effect, and the commands that they go with. */
const FLAGS_OF = {
  admin: ["keys", "reload"],
  json: ["keys", "keys check", "doctor"],
  online: ["doctor"],
  strict: ["doctor"],
} as const;

function refuseStrayFlags(command: string, values: ReturnType<typeof parse>["values"]): void {
  for (const [flag, commands] of Object.entries(FLAGS_OF)) {
    const isGiven = values[flag as keyof typeof FLAGS_OF];
    if (isGiven && !commands.some((known) => known === command)) {
      throw new UsageError(`--${flag} goes with ${commands.join(", ")}`);
    }
  }
}

function lookArguments(
  command: "keys" | "doctor",
  [word, ...more]: readonly string[],
  values: ReturnType<typeof parse>["values"],
): LookArguments {
  const isCheck = command === "keys" && word === "check";
  const unexpected = isCheck ? more[0] : word;
  if (unexpected !== undefined) throw new UsageError(`unexpected argument: ${unexpected}`);
  if (values.file !== undefined && values.config !== undefined) throw new UsageError("-f and -c exclude each other");
  if (values["validate-only"]) throw new UsageError(`--validate-only does not go with ${command}`);
  return {
    command: isCheck ? "keys check" : command,
    file: values.file,
    inline: values.config,
    envFiles: values["env-file"],
    admin: values.admin,
    json: values.json,
    runSources: values["run-sources"],
    online: values.online,
    strict: values.strict,
  };
}
