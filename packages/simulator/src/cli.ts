/** The command `keybearer-simulator`: a provider that needs no account, until it is interrupted. */
import { parseArgs } from "node:util";
import { SimulatorError } from "./errors.ts";
import type { SimulatorOptions } from "./options.ts";
import { startSimulator, type Simulator } from "./simulator.ts";

const USAGE =
  "usage: keybearer-simulator [--port 8081] [--host 127.0.0.1] [--key KEY]... [--delay-ms 40] [--tokens-per-second N]\n" +
  "                           [--latency-ms N] [--events N] [--text TEXT] [--model MODEL]... [--anonymous] [-h]\n";

const FLAGS = {
  port: { type: "string", default: "8081" },
  host: { type: "string", default: "127.0.0.1" },
  key: { type: "string", multiple: true },
  model: { type: "string", multiple: true },
  "delay-ms": { type: "string", default: "40" },
  "tokens-per-second": { type: "string" },
  "latency-ms": { type: "string" },
  events: { type: "string" },
  text: { type: "string" },
  anonymous: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

export interface CommandStreams {
  out(text: string): void;
  error(text: string): void;
}

/** What came of the command line: a running simulator, or an exit code (0 help, 1 no port, 2 bad flag). */
export type CommandResult = { readonly simulator: Simulator } | { readonly exitCode: 0 | 1 | 2 };

export async function runCommand(argv: readonly string[], streams: CommandStreams): Promise<CommandResult> {
  let options: SimulatorOptions | undefined;
  try {
    options = readFlags(argv);
  } catch (error) {
    streams.error(`keybearer-simulator: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return { exitCode: 2 };
  }
  if (options === undefined) {
    streams.out(USAGE);
    return { exitCode: 0 };
  }
  try {
    const simulator = await startSimulator(options);
    const keys = options.keys === undefined ? "any key is good" : `${options.keys.length} good keys`;
    streams.out(`simulated provider on ${simulator.origin} (${keys})\n`);
    return { simulator };
  } catch (error) {
    if (!SimulatorError.is(error)) throw error;
    streams.error(`keybearer-simulator: ${error.message}\n`);
    return { exitCode: 1 };
  }
}

/** Undefined when help is wanted. Throws when a flag is unknown or no number. */
function readFlags(argv: readonly string[]): SimulatorOptions | undefined {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true, allowPositionals: false });
  if (values.help) return undefined;
  return {
    port: number("port", values.port, 0),
    host: values.host,
    keys: values.key,
    models: values.model,
    anonymous: values.anonymous,
    delayMs: number("delay-ms", values["delay-ms"], 0),
    tokensPerSecond: number("tokens-per-second", values["tokens-per-second"], 1),
    latencyMs: number("latency-ms", values["latency-ms"], 0),
    events: number("events", values.events, 0),
    text: values.text,
    // It may run for days: what was received is of no use to anybody.
    recordLimit: 0,
  };
}

function number(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < least || (name === "port" && value > 65_535)) {
    throw new RangeError(`--${name} takes a whole number, found '${text}'`);
  }
  return value;
}

/** Runs the command in this process: signals close it, and the exit code is set. */
export async function main(): Promise<void> {
  const result = await runCommand(process.argv.slice(2), {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
  });
  if ("exitCode" in result) {
    process.exitCode = result.exitCode;
    return;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void result.simulator.close());
}
