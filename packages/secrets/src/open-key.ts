/** Opens a key as a gateway holds it: with a policy, and perhaps with a second source for the key before it. */
import { keepAlive } from "./clock.ts";
import type { RefreshCounts, SecretHandle, SecretStatus, SecretVersion } from "./contract.ts";
import { KeyHandle } from "./key-handle.ts";
import { DEFAULT_KEY_POLICY, type KeyPolicy } from "./key-policy.ts";
import type { KeyPlace } from "./opening.ts";
import { isAlive } from "./overlap.ts";
import { Secret } from "./secret.ts";

export interface OpenKeyOptions<Ref = unknown> extends KeyPlace<Ref> {
  /** What is absent is as in DEFAULT_KEY_POLICY. */
  readonly policy?: Partial<KeyPolicy> | undefined;
  /** Where the key before this one is kept, for as long as providers may still want it. It never keeps a key from opening. */
  readonly previous?: KeyPlace | undefined;
  /** Spreads attempts, from 0 to 1. `Math.random` by default. */
  random?(): number;
}

/** A handle that also tells of its status, of its refreshes and of the version before. */
export type Key = SecretHandle & Required<Pick<SecretHandle, "previous" | "refreshes" | "watchStatus">>;

/**
 * With `startup: fail`, throws the SecretError of the one attempt; with `wait`, that of the last one; with `degraded` never,
 * and returns after a quarter of a second at most. `current()` throws SECRET_UNAVAILABLE until the key could be read, and
 * SECRET_EXPIRED once its source has failed for `maxStaleMs`. A source that hangs delays no other key.
 */
export async function openKey<Ref>(options: OpenKeyOptions<Ref>): Promise<Key> {
  const { source, ref, context, previous } = options;
  const random = (): number => options.random?.() ?? Math.random();
  const policy = { ...DEFAULT_KEY_POLICY, ...defined(options.policy ?? {}) };
  const key = new KeyHandle({ source, ref, context }, policy, random);
  const before =
    previous && new KeyHandle(previous, { ...DEFAULT_KEY_POLICY, startup: "degraded", overlapMs: 0 }, random);
  // The waits between attempts keep no process alive, and at a start there may be nothing else that does.
  const release = keepAlive();
  try {
    await Promise.all([key.open(), before?.open()]);
  } catch (error) {
    await Promise.all([key[Symbol.asyncDispose](), before?.[Symbol.asyncDispose]()]);
    throw error;
  } finally {
    release();
  }
  return before === undefined ? key : new KeyWithPrevious(key, before, () => context.clock.now());
}

class KeyWithPrevious implements Key {
  readonly #key: KeyHandle;
  readonly #before: KeyHandle;
  readonly #now: () => number;
  #shown: { readonly from: SecretVersion; readonly as: SecretVersion } | undefined;

  constructor(key: KeyHandle, before: KeyHandle, now: () => number) {
    this.#key = key;
    this.#before = before;
    this.#now = now;
  }

  current(): SecretVersion {
    return this.#key.current();
  }

  refresh(why?: { readonly rejected?: number }): Promise<SecretVersion> {
    return this.#key.refresh(why);
  }

  subscribe(listener: (next: SecretVersion) => void): () => void {
    return this.#key.subscribe(listener);
  }

  status(): SecretStatus {
    return this.#key.status();
  }

  watchStatus(listener: (status: SecretStatus) => void): () => void {
    return this.#key.watchStatus(listener);
  }

  refreshes(): RefreshCounts {
    return this.#key.refreshes();
  }

  /** A rotation that we saw says more than the config does. */
  previous(): SecretVersion | undefined {
    return this.#key.previous() ?? this.#configured();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#key[Symbol.asyncDispose](), this.#before[Symbol.asyncDispose]()]);
  }

  #configured(): SecretVersion | undefined {
    const from = versionOf(this.#before);
    if (from === undefined || !isAlive(from, { now: this.#now })) return undefined;
    const current = versionOf(this.#key);
    if (current !== undefined && Secret.equal(current.secret, from.secret)) return undefined;
    // Below zero, because this source counts its versions apart, and no id may mean two values.
    if (this.#shown?.from !== from) this.#shown = { from, as: { ...from, id: -from.id } };
    return this.#shown.as;
  }
}

function versionOf(key: KeyHandle): SecretVersion | undefined {
  try {
    return key.current();
  } catch {
    return undefined;
  }
}

function defined<Value extends object>(
  value: Value,
): Partial<{ [Name in keyof Value]-?: Exclude<Value[Name], undefined> }> {
  return Object.fromEntries(Object.entries(value).filter(([, held]) => held !== undefined)) as never;
}
