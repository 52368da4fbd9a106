/** `key: { exec: { command: [/usr/bin/op, read, ...] } }`: the key is what a program writes. */
import {
  defineSecretSource,
  SecretError,
  type FetchContext,
  type SealOptions,
  type SecretSource,
  type SecretVersion,
  type SourceContext,
} from "@keybearer/secrets";
import { readOutput } from "./output.ts";
import { noticesAbout } from "./permissions.ts";
import { runProgram } from "./run.ts";
import { refSchema, type ExecRef } from "./schema.ts";

export interface ExecSourceOptions {
  /** How long a program may take to end after SIGTERM, before SIGKILL. 1 000 by default. */
  readonly killAfterMs?: number;
  /** Spreads refreshes, from 0 to 1. `Math.random` by default. */
  random?(): number;
}

/** What a program sees of our environment, beside what the config names. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const EXEC_INFO = JSON.stringify({
  apiVersion: "client.authentication.k8s.io/v1",
  kind: "ExecCredential",
  spec: { interactive: false },
});

/** `execSource` with settings of your own. */
export function createExecSource(options: ExecSourceOptions = {}): SecretSource<ExecRef> {
  return {
    name: "exec",
    schema: refSchema,
    async open(ref, context) {
      for (const notice of await noticesAbout(ref.command[0] ?? "")) context.warn(notice);
      const source = defineSecretSource<ExecRef>({
        name: "exec",
        schema: refSchema,
        ttl: `${ref.refreshInterval}ms`,
        fetch: (ref, inner) => fetchKey(ref, inner, options.killAfterMs ?? 1_000),
        random: () => options.random?.() ?? Math.random(),
      });
      return source.open(ref, { ...context, seal: (text, more) => sealAt(ref, context, text, more) });
    },
  };
}

/**
 * Runs the program at the start, at 80 to 90 % of `refreshInterval` or of the time to the key's expiry, and when a provider
 * refuses the key. Opening throws SecretError: SECRET_NOT_FOUND (no such program), SECRET_DENIED, SECRET_UNAVAILABLE (exit
 * code, timeout), SECRET_EMPTY, SECRET_MALFORMED, SECRET_EXPIRED. Warns with SECRET_EXEC_WRITABLE.
 */
export const execSource: SecretSource<ExecRef> = createExecSource();

function sealAt(ref: ExecRef, context: SourceContext, text: string, more: SealOptions | undefined): SecretVersion {
  try {
    return context.seal(text, more);
  } catch (error) {
    throw SecretError.from("exec", error).at(ref.command[0] ?? "");
  }
}

async function fetchKey(ref: ExecRef, context: FetchContext, killAfterMs: number) {
  const { clock, signal, baseDirectories } = context;
  const [path = ""] = ref.command;
  try {
    const output = await runProgram({
      command: ref.command,
      directory: baseDirectories[0] ?? "/",
      env: environmentOf(ref, context),
      limitMs: ref.timeout,
      killAfterMs,
      clock,
      signal,
    });
    const fetched = readOutput(output, ref.format, ref.property);
    if (typeof fetched !== "string" && (fetched.expiresAt ?? Number.POSITIVE_INFINITY) <= clock.now()) {
      throw new SecretError("SECRET_EXPIRED", "exec", "the program gave a key that has expired already", {
        found: `expired ${new Date(fetched.expiresAt ?? 0).toISOString()}`,
        fix: "its cache may be stale; or this machine's clock is wrong",
      });
    }
    return fetched;
  } catch (error) {
    throw SecretError.from("exec", error).at(path);
  }
}

function environmentOf(ref: ExecRef, { env }: FetchContext): Record<string, string> {
  const home = env.get("HOME");
  const environment: Record<string, string> = { PATH, LANG: env.get("LANG") ?? "C.UTF-8" };
  if (home !== undefined) environment["HOME"] = home;
  if (ref.format === "execCredential") environment["KUBERNETES_EXEC_INFO"] = EXEC_INFO;
  for (const [name, value] of Object.entries(ref.env)) {
    environment[name] = typeof value === "string" ? value : lookUp(env, value.env);
  }
  return environment;
}

function lookUp(env: FetchContext["env"], name: string): string {
  const value = env.get(name);
  if (value !== undefined) return value;
  throw new SecretError("SECRET_NOT_FOUND", "exec", `the variable ${name}, which the program needs, is not set`, {
    fix: `export ${name}=... before the start, or pass a file that sets it with --env-file FILE`,
  });
}
