/** Every key of a config, read for the first time: handles, or errors at the places where the keys are named. */
import { recogniseSecret } from "@keybearer/providers";
import type { ConfigError, ConfigSource } from "@keybearer/config";
import {
  createSeal,
  handleIdentity,
  openKey,
  SecretError,
  systemClock,
  type Env,
  type HandleLease,
  type HandlePool,
  type Key,
  type KeyPlace,
  type Notice,
  type SecretSource,
  type SecretVersion,
} from "@keybearer/secrets";
import type { ConfigText } from "../config-text.ts";
import { knownKeys } from "../known-keys.ts";
import type { KeyRequest } from "./credential-table.ts";

export interface OpenKeysOptions {
  readonly sources: readonly SecretSource[];
  readonly source: ConfigSource;
  readonly text: Pick<ConfigText, "origin">;
  readonly directories: readonly string[];
  readonly env: Env;
  readonly fingerprintKey: string | undefined;
  /** Keys that an earlier config named too stay open, and keep their state. */
  readonly pool: HandlePool<Key>;
  /** Hears of failures, and of notices that come after the load. */
  readonly report: (error: unknown) => void;
  readonly notice: (text: string) => void;
  /** The provider that a key goes to. */
  readonly providerOf: (request: KeyRequest) => string | undefined;
}

export interface OpenedKeys {
  readonly leases: ReadonlyMap<string, HandleLease<Key>>;
  /** By id. */
  readonly failures: ReadonlyMap<string, ConfigError>;
  readonly notices: readonly string[];
  /** By id: what was said of a key at the load. */
  readonly noticesOf: ReadonlyMap<string, readonly Notice[]>;
}

const AWAKE_MS = 60_000;

/** All at once; one that cannot be read keeps no other waiting. */
export async function openKeys(keys: readonly KeyRequest[], options: OpenKeysOptions): Promise<OpenedKeys> {
  const leases = new Map<string, HandleLease<Key>>();
  const failures = new Map<string, ConfigError>();
  const noticesOf = new Map<string, Notice[]>(keys.map(({ id }) => [id, []]));
  const notices: string[] = [];
  let isLoading = true;
  // A source's own timers keep no process alive: without this one, it would end while a named pipe is waited for.
  const awake = setInterval(() => undefined, AWAKE_MS);
  await Promise.all(
    keys.map(async (request) => {
      const warn = (notice: Notice): void => {
        const text = noticeText(options.source, request.path, notice);
        if (!isLoading) return options.notice(text);
        notices.push(text);
        noticesOf.get(request.id)?.push(notice);
      };
      try {
        const lease = await acquire(request, options, warn);
        leases.set(request.id, lease);
        warnOfForeignKey(versionNow(lease.handle), options.providerOf(request), warn);
      } catch (error) {
        failures.set(request.id, placeError(error, request, options.source));
      }
    }),
  );
  isLoading = false;
  clearInterval(awake);
  return { leases, failures, notices, noticesOf };
}

/** Undefined for a key that could not be read yet, or has expired. */
export function versionNow(handle: Pick<Key, "current">): SecretVersion | undefined {
  try {
    return handle.current();
  } catch (error) {
    if (SecretError.is(error)) return undefined;
    throw error;
  }
}

function acquire(
  request: KeyRequest,
  options: OpenKeysOptions,
  warn: (notice: Notice) => void,
): Promise<HandleLease<Key>> {
  const { reference, previous, policy } = request;
  const { directories, fingerprintKey, pool } = options;
  const places = [reference, previous].map((each) => each && [each.source, each.ref]);
  return pool.acquire(handleIdentity(places, policy, directories, fingerprintKey), (signal) =>
    openKey({
      ...keyPlace(reference, signal, options, warn),
      policy,
      previous: previous && keyPlace(previous, signal, options, warn),
    }),
  );
}

function keyPlace(
  reference: KeyRequest["reference"],
  signal: AbortSignal,
  { sources, directories, env, fingerprintKey, report, text }: OpenKeysOptions,
  warn: (notice: Notice) => void,
): KeyPlace {
  const source = sources.find(({ name }) => name === reference.source);
  if (!source) throw new TypeError(`no source is called ${reference.source}`);
  const context = {
    baseDirectories: directories,
    env,
    clock: systemClock,
    signal,
    report,
    warn: (notice: Notice) =>
      warn(text.origin === "command line" && notice.code === "SECRET_INLINE" ? onCommandLine(notice) : notice),
    seal: knownKeys.following(createSeal({ source: reference.source, clock: systemClock, fingerprintKey }), signal),
  };
  return { source, ref: reference.ref, context };
}

function onCommandLine(notice: Notice): Notice {
  return { ...notice, message: `${notice.message}; on the command line every user of this machine can see it` };
}

function warnOfForeignKey(
  version: SecretVersion | undefined,
  provider: string | undefined,
  warn: (notice: Notice) => void,
): void {
  const owner = version && recogniseSecret(version.secret);
  if (provider === undefined || owner === undefined || owner === provider) return;
  warn({ code: "KEY_OF_ANOTHER_PROVIDER", message: `this looks like a key of ${owner}, and goes to ${provider}` });
}

function placeError(error: unknown, { path }: KeyRequest, source: ConfigSource): ConfigError {
  if (SecretError.is(error)) {
    const { code, message, found, fix } = error;
    // A source of somebody else's may quote its key, and of ours one that stands where a path is wanted.
    const [told, what, mend] = [message, found, fix].map((text) => text && knownKeys.scrubForeign(text));
    return source.error(path, { code, message: told ?? message, found: what, fix: mend, cause: error });
  }
  // A source of somebody else's may throw anything, its text included: it is not repeated.
  return source.error(path, {
    code: "SECRET_UNAVAILABLE",
    message: "the source failed in a way that it does not explain",
    cause: error,
  });
}

function noticeText(source: ConfigSource, path: KeyRequest["path"], { code, message, fix }: Notice): string {
  const line = source.notice(path, { code, message });
  return knownKeys.scrubForeign(fix === undefined ? line : `${line}\n      fix    ${fix}`);
}
