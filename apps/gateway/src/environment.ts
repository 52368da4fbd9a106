/** The variables that a config may name: env files, the last of them winning, and the process environment over all. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { InterpolateError, parseEnvFile } from "@keybearer/interpolate";
import type { Env } from "@keybearer/secrets";
import { GatewayError, inWords } from "./errors.ts";

/** Throws GatewayError ENV_FILE_UNREADABLE or ENV_FILE_SYNTAX. */
export async function readEnvironment(
  envFiles: readonly string[],
  workingDirectory: string,
  processEnv: Readonly<Record<string, string | undefined>>,
): Promise<Env> {
  const fromFiles = new Map<string, string>();
  for (const file of envFiles) {
    for (const [name, value] of await readEnvFile(file, workingDirectory)) fromFiles.set(name, value);
  }
  return { get: (name) => processEnv[name] ?? fromFiles.get(name) };
}

async function readEnvFile(file: string, workingDirectory: string): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = await readFile(resolve(workingDirectory, file), "utf8");
  } catch (cause) {
    throw new GatewayError("ENV_FILE_UNREADABLE", `cannot read the env file ${file}: ${inWords(cause)}`, { cause });
  }
  try {
    return parseEnvFile(text);
  } catch (error) {
    if (!InterpolateError.is(error)) throw error;
    throw new GatewayError("ENV_FILE_SYNTAX", `${file}:${error.line ?? 1}: ${error.message}`, { cause: error });
  }
}
