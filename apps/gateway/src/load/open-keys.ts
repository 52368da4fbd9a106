/** Every key of a config, read for the first time: handles, or errors at the places where the keys are named. */
import { recogniseSecret } from "@keybearer/providers";
import type { ConfigError, ConfigSource } from "@keybearer/config";
import {
  createSeal,
  SecretError,
  systemClock,
  type Env,
  type Notice,
  type SecretHandle,
  type SecretSource,
} from "@keybearer/secrets";
import type { ConfigText } from "../config-text.ts";
import type { CredentialRequest } from "./credential-table.ts";

export interface OpenKeysOptions {
  readonly sources: readonly SecretSource[];
  readonly source: ConfigSource;
  readonly text: Pick<ConfigText, "origin">;
  readonly directories: readonly string[];
  readonly env: Env;
  readonly fingerprintKey: string | undefined;
  readonly signal: AbortSignal;
  readonly report: (error: unknown) => void;
  /** The provider that a key goes to, by credential id. */
  readonly providerOf: (id: string) => string | undefined;
}

export interface OpenedKeys {
  readonly handles: ReadonlyMap<string, SecretHandle>;
  readonly errors: readonly ConfigError[];
  readonly notices: readonly string[];
}

const AWAKE_MS = 60_000;

/** All at once; one that cannot be read keeps no other waiting. */
export async function openKeys(requests: readonly CredentialRequest[], options: OpenKeysOptions): Promise<OpenedKeys> {
  const handles = new Map<string, SecretHandle>();
  const errors: ConfigError[] = [];
  const notices: string[] = [];
  const keys = requests.filter((request) => request.kind === "key");
  // A source's own timers keep no process alive: without this one, it would end while a named pipe is waited for.
  const awake = setInterval(() => undefined, AWAKE_MS);
  await Promise.all(
    keys.map(async (request) => {
      const { id, path } = request;
      const warn = (notice: Notice): void => void notices.push(noticeText(options.source, path, notice));
      try {
        const handle = await open(request, options, warn);
        handles.set(id, handle);
        warnOfForeignKey(handle, options.providerOf(id), warn);
      } catch (error) {
        errors.push(placeError(error, request, options.source));
      }
    }),
  );
  clearInterval(awake);
  return { handles, errors, notices };
}

function open(
  { reference }: Extract<CredentialRequest, { kind: "key" }>,
  { sources, directories, env, fingerprintKey, signal, report, text }: OpenKeysOptions,
  warn: (notice: Notice) => void,
): Promise<SecretHandle> {
  const source = sources.find(({ name }) => name === reference.source);
  if (!source) throw new TypeError(`no source is called ${reference.source}`);
  return source.open(reference.ref, {
    baseDirectories: directories,
    env,
    clock: systemClock,
    signal,
    report,
    warn: (notice) =>
      warn(text.origin === "command line" && notice.code === "SECRET_INLINE" ? onCommandLine(notice) : notice),
    seal: createSeal({ source: reference.source, clock: systemClock, fingerprintKey }),
  });
}

function onCommandLine(notice: Notice): Notice {
  return { ...notice, message: `${notice.message}; on the command line every user of this machine can see it` };
}

function warnOfForeignKey(handle: SecretHandle, provider: string | undefined, warn: (notice: Notice) => void): void {
  const owner = recogniseSecret(handle.current().secret);
  if (provider === undefined || owner === undefined || owner === provider) return;
  warn({ code: "KEY_OF_ANOTHER_PROVIDER", message: `this looks like a key of ${owner}, and goes to ${provider}` });
}

/** As vendors' keys begin. Somebody may have written one where a path is wanted, and what was found names the path. */
const KEY_LIKE = /(?<![\w-])(?:sk|pk|gsk|xai|pplx|hf|nvapi)[-_][\w+=.-]{16,}/g;

function placeError(error: unknown, { path }: CredentialRequest, source: ConfigSource): ConfigError {
  if (SecretError.is(error)) {
    const { code, message, found, fix } = error;
    return source.error(path, { code, message, found: found?.replaceAll(KEY_LIKE, "<a key?>"), fix, cause: error });
  }
  // A source of somebody else's may throw anything, its text included: it is not repeated.
  return source.error(path, {
    code: "SECRET_UNAVAILABLE",
    message: "the source failed in a way that it does not explain",
    cause: error,
  });
}

function noticeText(source: ConfigSource, path: CredentialRequest["path"], { code, message, fix }: Notice): string {
  const line = source.notice(path, { code, message });
  return fix === undefined ? line : `${line}\n      fix    ${fix}`;
}
