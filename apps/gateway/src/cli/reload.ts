/** `keybearer reload`: has the running gateway read its config again, and says what came of it. */
import { applyEnvironment, ConfigErrors, parseConfig } from "@keybearer/config";
import { readConfigText, type ConfigText } from "../config-text.ts";
import { readEnvironment } from "../environment.ts";
import { systemCode } from "../errors.ts";
import { providers } from "../providers.ts";
import { sources } from "../sources.ts";
import { adminUrl } from "./admin-address.ts";
import type { ReloadArguments } from "./arguments.ts";
import { ownAdminHeaders } from "./look.ts";
import type { Terminal } from "./main.ts";

/** Keys of a store may take that long to read. */
const LIMIT_MS = 120_000;

export async function reload(args: ReloadArguments, terminal: Terminal): Promise<number> {
  const admin = args.admin ?? (await findAdmin(args, terminal));
  if (admin === undefined) {
    terminal.say("keybearer: config.adminAddr is off, so no port takes a reload; send the gateway a SIGHUP instead\n");
    return 1;
  }
  let answer: Response;
  try {
    answer = await fetch(new URL("/config/reload", admin), {
      method: "POST",
      headers: {
        "x-keybearer-admin": "1",
        ...(await ownAdminHeaders({ ...args, inline: undefined, runSources: false }, terminal)),
      },
      signal: AbortSignal.timeout(LIMIT_MS),
    });
  } catch (error) {
    terminal.say(`keybearer: ${whyNot(error, admin)}\n`);
    return 1;
  }
  if (answer.status === 401) {
    terminal.say(`keybearer: ${admin} asks for its token, and none that it takes was found (config.adminToken)\n`);
    return 1;
  }
  const outcome: unknown = await answer.json().catch(() => undefined);
  if (!isOutcome(outcome)) {
    terminal.say(`keybearer: what answers at ${admin} (${answer.status}) is no admin port that reloads\n`);
    return 1;
  }
  if (outcome.state === "rejected") {
    terminal.say(`${outcome.explanation}\n\nThe config was refused; the gateway serves from the last good one.\n`);
    return 1;
  }
  for (const field of outcome.needsRestart) terminal.say(`${field} has changed, which needs a restart\n`);
  terminal.print("The gateway runs with this config.\n");
  return 0;
}

function whyNot(error: unknown, admin: string): string {
  const code = error instanceof Error ? systemCode(error.cause) : undefined;
  if (code === "ECONNREFUSED") return `no gateway runs here: nothing answers at ${admin}`;
  if (error instanceof Error && error.name === "TimeoutError") {
    return `the gateway at ${admin} has not finished after ${LIMIT_MS / 1000} s`;
  }
  return `${admin} cannot be reached: ${code ?? (error instanceof Error ? error.message : String(error))}`;
}

interface Outcome {
  readonly state: "synchronized" | "rejected";
  readonly explanation: string;
  readonly needsRestart: readonly string[];
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === "object" && value !== null && "state" in value && "needsRestart" in value;
}

/** Where the config says that the admin port is; undefined: it is off. */
async function findAdmin({ file, envFiles }: ReloadArguments, terminal: Terminal): Promise<string | undefined> {
  const { env, workingDirectory, stdin } = terminal;
  const text = await readConfigText({ file, inline: undefined, workingDirectory, env, stdin });
  const variables = await readEnvironment(envFiles, workingDirectory, env).catch(() => undefined);
  try {
    const lookup = (name: string): string | undefined => variables?.get(name) ?? env[name];
    const { config } = parseConfig(text.bytes, { fileName: text.name, lookup, sources, providers });
    const { adminAddr } = applyEnvironment(config.config, (name) => env[name]);
    return adminAddr === "off" ? undefined : adminUrl(adminAddr);
  } catch (error) {
    if (!ConfigErrors.is(error)) throw error;
    return addressIn(text, env);
  }
}

/** Of a config that is refused, which is what its author wants to hear of: from the gateway, so it must be found. */
function addressIn({ bytes }: ConfigText, env: Terminal["env"]): string | undefined {
  const [, written] =
    /^(?![ \t]*#).*?\badminAddr["']?\s*:\s*["']?([\w.:[\]]+)/m.exec(Buffer.from(bytes).toString()) ?? [];
  const address = env["ADMIN_ADDR"] || written || "localhost:15000";
  return address === "off" ? undefined : `http://${address}`;
}
