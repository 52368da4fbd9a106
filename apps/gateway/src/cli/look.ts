/** A config as the commands that only look at one load it: nothing runs, every key is looked at, nothing is waited for. */
import { ConfigErrors } from "@keybearer/config";
import { GatewayError } from "../errors.ts";
import { adminHeaders } from "./admin-token.ts";
import { readConfigText, type ConfigText } from "../config-text.ts";
import { readEnvironment } from "../environment.ts";
import { loadConfig, type Loaded } from "../load/load.ts";
import type { LookArguments } from "./arguments.ts";
import type { Terminal } from "./main.ts";

type Looked = Pick<LookArguments, "file" | "inline" | "envFiles" | "runSources">;

export interface LookOptions {
  readonly readKeys: boolean;
  readonly readAdminToken?: boolean;
  readonly online: boolean;
}

/** Throws GatewayError. */
export function readLookedAt({ file, inline }: Looked, terminal: Terminal): Promise<ConfigText> {
  const { env, workingDirectory, stdin } = terminal;
  return readConfigText({ file, inline, workingDirectory, env, stdin });
}

/** Throws ConfigErrors for a config that cannot be understood; whatever else is wrong is told by what is returned. */
export async function look(
  text: ConfigText,
  { envFiles, runSources }: Looked,
  { env, workingDirectory }: Terminal,
  options: LookOptions,
): Promise<Loaded> {
  return loadConfig(text, {
    ...options,
    env: await readEnvironment(envFiles, workingDirectory, env),
    settingsEnv: env,
    workingDirectory,
    runSources,
    tolerant: true,
    report: () => undefined,
  });
}

/** For an admin port that is named on the command line: a config may say its token, and need not be there. */
export async function ownAdminHeaders(args: Looked, terminal: Terminal): Promise<Record<string, string>> {
  try {
    const options = { readKeys: false, readAdminToken: true, online: false };
    const loaded = await look(await readLookedAt(args, terminal), args, terminal, options);
    const headers = adminHeaders(loaded.adminToken);
    await loaded.close();
    return headers;
  } catch (error) {
    if (GatewayError.is(error) || ConfigErrors.is(error)) return {};
    throw error;
  }
}
