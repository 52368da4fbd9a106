/** Opens a key, and again if it has to be, without haste. */
import { bounded } from "./bounded.ts";
import { after } from "./clock.ts";
import type { Clock, SecretHandle, SecretSource, SourceContext } from "./contract.ts";
import { SecretError, type SecretErrorCode } from "./errors.ts";

/** Where one key lives, and what its source gets to work with. */
export interface KeyPlace<Ref = unknown> {
  readonly source: SecretSource<Ref>;
  readonly ref: Ref;
  readonly context: SourceContext;
}

const ATTEMPT_LIMIT_MS = 30_000;
// The attempt that begins as the time ends is given a moment all the same.
const LAST_ATTEMPT_MS = 1_000;

/** Throws SecretError. What a source opens after the limit, or after the signal, is closed again. */
export async function openOnce<Ref>(
  { source, ref, context }: KeyPlace<Ref>,
  signal: AbortSignal,
  limitMs: number = ATTEMPT_LIMIT_MS,
): Promise<SecretHandle> {
  const { clock } = context;
  const unwanted = new AbortController();
  const wanted = AbortSignal.any([signal, unwanted.signal]);
  // Begun in a promise, because somebody else's source may throw before it returns one.
  const opening = Promise.resolve().then(() => source.open(ref, withSignal(context, wanted)));
  try {
    return await bounded({ source: source.name, clock, limitMs, signal }, () => opening);
  } catch (error) {
    unwanted.abort();
    void closeLate(opening, context);
    throw SecretError.from(source.name, error);
  }
}

/** Tries until `timeoutMs` is over. Throws then what was last wrong. */
export async function openWithin<Ref>(
  place: KeyPlace<Ref>,
  timeoutMs: number,
  signal: AbortSignal,
  random: () => number,
): Promise<SecretHandle> {
  const { clock } = place.context;
  const deadline = clock.now() + timeoutMs;
  for (let failures = 1; ; failures += 1) {
    const leftMs = Math.max(LAST_ATTEMPT_MS, deadline - clock.now());
    try {
      return await openOnce(place, signal, Math.min(ATTEMPT_LIMIT_MS, leftMs));
    } catch (thrown) {
      const error = SecretError.from(place.source.name, thrown);
      const left = deadline - clock.now();
      if (left <= 0 || signal.aborted) throw afterTrying(error, timeoutMs);
      await pause(clock, Math.min(left, gapMs(failures, error.code, random)), signal);
    }
  }
}

/** How long to wait after so many failures, with jitter: replicas that failed together do not come back together. */
export function gapMs(failures: number, code: SecretErrorCode, random: () => number): number {
  // A store that has refused us has answered. Accounts have been locked by gateways that kept asking.
  const [firstMs, longestMs] = code === "SECRET_DENIED" ? [5_000, 15 * 60_000] : [500, 30_000];
  return Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + 0.5 * random());
}

/** Also ends with the signal. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) return Promise.resolve();
  const cancel = after(clock, delayMs, resolve);
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => {
    cancel();
    signal.removeEventListener("abort", stop);
  });
}

function withSignal(context: SourceContext, signal: AbortSignal): SourceContext {
  const { baseDirectories, env, clock } = context;
  return {
    baseDirectories,
    env,
    clock,
    signal,
    report: (error) => context.report(error),
    warn: (notice) => context.warn(notice),
    seal: (text, options) => context.seal(text, options),
  };
}

async function closeLate(opening: Promise<SecretHandle>, context: SourceContext): Promise<void> {
  const late = await opening.catch(() => undefined);
  try {
    await late?.[Symbol.asyncDispose]();
  } catch (error) {
    context.report(error);
  }
}

function afterTrying(error: SecretError, timeoutMs: number): SecretError {
  const { code, source, message, found, fix } = error;
  const tried = `${message} (tried for ${timeoutMs / 1_000} s)`;
  return new SecretError(code, source, tried, { found, fix, cause: error });
}
