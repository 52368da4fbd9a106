/** Where the config comes from, and its text. */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { GatewayError, inWords, systemCode } from "./errors.ts";

export interface ConfigText {
  /** As error messages name it: `config.yaml`, `<stdin>`, `<command line>`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where relative paths in the config are looked up first. */
  readonly directory: string;
  readonly origin: "file" | "stdin" | "command line";
  /** The whole path of a file that may change, and is read again then. Absent: a text that stays as it is. */
  readonly path?: string;
}

export interface ConfigPlace {
  readonly file: string | undefined;
  readonly inline: string | undefined;
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream;
}

/** Throws GatewayError CONFIG_NOT_FOUND or CONFIG_UNREADABLE. */
export async function readConfigText(place: ConfigPlace): Promise<ConfigText> {
  const { file, inline, workingDirectory } = place;
  if (inline !== undefined) {
    return { name: "<command line>", bytes: Buffer.from(inline), directory: workingDirectory, origin: "command line" };
  }
  if (file === "-") {
    return { name: "<stdin>", bytes: await buffer(place.stdin), directory: workingDirectory, origin: "stdin" };
  }
  if (file !== undefined) return readConfigFile(file, workingDirectory);
  for (const candidate of usualPlaces(place)) {
    try {
      return await readConfigFile(candidate, workingDirectory);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  const tried = usualPlaces(place).map((path) => `  ${path}`);
  throw new GatewayError(
    "CONFIG_NOT_FOUND",
    `there is no config yet; looked for\n${tried.join("\n")}\nTo begin: keybearer init writes a starter config, keybearer -f FILE takes one from elsewhere.`,
  );
}

function usualPlaces({ env }: ConfigPlace): string[] {
  const base = env["XDG_CONFIG_HOME"] || (env["HOME"] ? join(env["HOME"], ".config") : undefined);
  return ["config.yaml", ...(base ? [join(base, "keybearer", "config.yaml")] : []), "/config/config.yaml"];
}

async function readConfigFile(file: string, workingDirectory: string): Promise<ConfigText> {
  const path = resolve(workingDirectory, file);
  try {
    // A pipe has nothing more to say, and would keep whoever asks it again waiting.
    const isRegular = (await stat(path)).isFile();
    const text = { name: file, bytes: await readFile(path), directory: dirname(path), origin: "file" } as const;
    return isRegular ? { ...text, path } : text;
  } catch (cause) {
    throw new GatewayError("CONFIG_UNREADABLE", `cannot read the config ${file}: ${inWords(cause)}`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && ["ENOENT", "ENOTDIR"].includes(systemCode(error.cause) ?? "");
}
