/** A secret source from one function that fetches. */
import { bounded } from "./bounded.ts";
import { after } from "./clock.ts";
import type { Clock, Notice, SecretSource, SecretVersion, SourceContext } from "./contract.ts";
import { durationMs, type Duration } from "./duration.ts";
import { SecretError } from "./errors.ts";
import { refreshingHandle } from "./refreshing-handle.ts";
import type { StandardSchemaV1 } from "./standard-schema.ts";

/** The bare text, or the text with what else the store says. */
export type Fetched =
  | string
  | {
      readonly value: string;
      /** Milliseconds since the epoch. */
      readonly expiresAt?: number | undefined;
      /** When it was put into the store, in milliseconds since the epoch. */
      readonly writtenAt?: number | undefined;
      readonly parts?: Readonly<Record<string, string>> | undefined;
    };

export interface FetchContext extends Pick<SourceContext, "baseDirectories" | "clock" | "env" | "warn"> {
  /** Fires after 30 s, or when the key is no longer wanted. */
  readonly signal: AbortSignal;
}

export interface SecretSourceDefinition<Ref> {
  /** The word in YAML: `key: { <name>: <ref> }`. */
  readonly name: string;
  readonly schema: StandardSchemaV1<unknown, Ref>;
  /** How long a value is good for. Without it, one is fetched again only before its `expiresAt` and when asked. */
  readonly ttl?: Duration;
  scalar?(text: string): Ref | undefined;
  /** Throw SecretError to say why there is no key; of any other error only name and code are shown. */
  fetch(ref: Ref, context: FetchContext): Promise<Fetched> | Fetched;
  /** Spreads refreshes, from 0 to 1. `Math.random` by default. */
  random?(): number;
}

const FETCH_LIMIT_MS = 30_000;
const COOLDOWN_MS = 10_000;
const SHORTEST_DELAY_MS = 1_000;
const LONGEST_BACKOFF_MS = 15 * 60_000;

/**
 * Adds to `fetch` what a key needs: one fetch at a time, again at 80 to 90 % of the ttl or of the time to expiry (the
 * sooner), growing waits after failures, the last good value kept meanwhile, and at most one fetch in 10 s for a key that
 * providers reject while the store has nothing newer. Throws RangeError for a ttl that is no duration.
 */
export function defineSecretSource<Ref>(definition: SecretSourceDefinition<Ref>): SecretSource<Ref> {
  const { name, schema } = definition;
  const ttlMs = definition.ttl === undefined ? Number.POSITIVE_INFINITY : durationMs(definition.ttl);
  return {
    name,
    schema,
    ...(definition.scalar === undefined ? {} : { scalar: (text: string) => definition.scalar?.(text) }),
    async open(ref, context) {
      const closing = new AbortController();
      const signal = AbortSignal.any([context.signal, closing.signal]);
      const bounds = { source: name, clock: context.clock, limitMs: FETCH_LIMIT_MS, signal };
      let expiresAt: number | undefined;
      const read = async (): Promise<SecretVersion> => {
        const version = await bounded(bounds, (inner) => fetchVersion(definition, ref, context, inner));
        expiresAt = version.expiresAt;
        return version;
      };

      let failures = 0;
      const timer = new Timer(context.clock);
      const plan = (failure: SecretError | undefined): void => {
        timer.stop();
        failures = failure === undefined ? 0 : failures + 1;
        const remainingMs = (expiresAt ?? Number.POSITIVE_INFINITY) - context.clock.now();
        const delayMs = failure === undefined ? Math.min(ttlMs, remainingMs) : backoffMs(failures, failure);
        if (delayMs === Number.POSITIVE_INFINITY || signal.aborted) return;
        const spread = 0.8 + 0.1 * (definition.random?.() ?? Math.random());
        timer.set(Math.max(SHORTEST_DELAY_MS, delayMs * spread), () => {
          if (!signal.aborted) handle.refresh().catch((error: unknown) => context.report(error));
        });
      };
      const close = (): void => {
        timer.stop();
        closing.abort();
      };
      const first = await read();
      const handle = refreshingHandle({
        source: name,
        context,
        first,
        read,
        cooldownMs: COOLDOWN_MS,
        settled: plan,
        refreshAt: () => timer.firesAt,
        close,
      });
      plan(undefined);
      return handle;
    },
  };
}

class Timer {
  readonly #clock: Clock;
  #cancel = (): void => undefined;
  /** Milliseconds since the epoch; undefined: it is not set. */
  firesAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(delayMs: number, callback: () => void): void {
    this.stop();
    this.firesAt = this.#clock.now() + delayMs;
    this.#cancel = after(this.#clock, delayMs, () => {
      this.firesAt = undefined;
      callback();
    });
  }

  stop(): void {
    this.#cancel();
    this.firesAt = undefined;
  }
}

async function fetchVersion<Ref>(
  definition: SecretSourceDefinition<Ref>,
  ref: Ref,
  context: SourceContext,
  signal: AbortSignal,
): Promise<SecretVersion> {
  const { baseDirectories, clock, env } = context;
  const warn = (notice: Notice): void => context.warn(notice);
  try {
    const fetched = await definition.fetch(ref, { baseDirectories, clock, env, signal, warn });
    if (typeof fetched === "string") return context.seal(fetched);
    const { value, expiresAt, writtenAt, parts } = fetched;
    return context.seal(value, {
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(writtenAt === undefined ? {} : { writtenAt }),
      ...(parts === undefined ? {} : { parts }),
    });
  } catch (error) {
    throw SecretError.from(definition.name, error);
  }
}

/** Asking again seldom helps where the store has answered: accounts have been locked by gateways that kept asking. */
function backoffMs(failures: number, { code }: SecretError): number {
  const answered = code === "SECRET_DENIED" || code === "SECRET_NOT_FOUND";
  return Math.min(LONGEST_BACKOFF_MS, (answered ? 60_000 : 1_000) * 2 ** (failures - 1));
}
