/** Any source's handle, held to a policy: how stale, how old, what came before, and what to say while there is none. */
import { bounded } from "./bounded.ts";
import { after } from "./clock.ts";
import type { RefreshCounts, SecretHandle, SecretStatus, SecretVersion } from "./contract.ts";
import { SecretError } from "./errors.ts";
import type { KeyPolicy } from "./key-policy.ts";
import { changesAt, statusByPolicy, type KeyFacts } from "./key-status.ts";
import { Listeners } from "./listeners.ts";
import { gapMs, openOnce, openWithin, pause, type KeyPlace } from "./opening.ts";
import { Overlap } from "./overlap.ts";

// Longer than any source should allow itself: this is for one that has no limit of its own.
const REFRESH_LIMIT_MS = 60_000;
// For a handle that does not tell of its status.
const STATUS_POLL_MS = 5_000;
// Long enough for a file or a variable, so that the first request finds a key that was there all the time.
const FIRST_ATTEMPT_MS = 250;

export class KeyHandle implements SecretHandle {
  readonly #place: KeyPlace;
  readonly #policy: KeyPolicy;
  readonly #random: () => number;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #overlap: Overlap;
  readonly #listeners: Listeners<SecretVersion>;
  readonly #statusListeners: Listeners<SecretStatus>;
  #inner: SecretHandle | undefined;
  #attempt: Promise<SecretVersion> | undefined;
  #failure: { readonly since: number; readonly error: SecretError | undefined };
  #failedAttempts = 0;
  /** Milliseconds since the epoch: when it is tried again to open the source. */
  #attemptAt: number | undefined;
  #announced: SecretStatus["state"] = "fresh";
  #oldVersion: SecretVersion | undefined;
  #stopTimer: () => void = () => undefined;

  constructor(place: KeyPlace, policy: KeyPolicy, random: () => number) {
    const { clock } = place.context;
    const report = (error: unknown): void => place.context.report(error);
    this.#place = place;
    this.#signal = AbortSignal.any([place.context.signal, this.#closing.signal]);
    this.#policy = policy;
    this.#random = random;
    this.#overlap = new Overlap(clock, policy.overlapMs);
    this.#listeners = new Listeners(report);
    this.#statusListeners = new Listeners(report);
    this.#failure = { since: clock.now(), error: undefined };
  }

  /** Once, before anything else. Throws SecretError by `policy.startup`; dispose of the handle then. */
  async open(): Promise<void> {
    const { startup, startupTimeoutMs } = this.#policy;
    const signal = this.#signal;
    if (startup === "fail") await this.#adopt(await openOnce(this.#place, signal, startupTimeoutMs));
    else if (startup === "wait")
      await this.#adopt(await openWithin(this.#place, startupTimeoutMs, signal, this.#random));
    else await this.#openInBackground();
  }

  current(): SecretVersion {
    if (this.#inner === undefined) throw this.#unavailable();
    // For a version that has expired, which is failing as well, the source's own handle has the better words.
    const version = this.#inner.current();
    const status = this.status();
    if (status.state !== "failing") return version;
    throw new SecretError("SECRET_EXPIRED", this.#place.source.name, `the key is stale: ${status.reason}`, {
      found: `served until ${new Date(status.since).toISOString()}, the longest that maxStale allows`,
    });
  }

  previous(): SecretVersion | undefined {
    return this.#overlap.previous;
  }

  async refresh(why?: { readonly rejected?: number }): Promise<SecretVersion> {
    const { source, context } = this.#place;
    const inner = this.#inner;
    if (inner === undefined) return this.#tryToOpen();
    const bounds = {
      source: source.name,
      clock: context.clock,
      limitMs: REFRESH_LIMIT_MS,
      signal: this.#signal,
    };
    try {
      return await bounded(bounds, () => inner.refresh(why));
    } finally {
      this.#consider();
    }
  }

  subscribe(listener: (next: SecretVersion) => void): () => void {
    return this.#listeners.add(listener);
  }

  status(): SecretStatus {
    return statusByPolicy(this.#facts(), this.#policy, this.#place.context.clock.now());
  }

  watchStatus(listener: (status: SecretStatus) => void): () => void {
    return this.#statusListeners.add(listener);
  }

  refreshes(): RefreshCounts {
    const counts = this.#inner?.refreshes?.() ?? { new: 0, same: 0, failed: 0 };
    return { ...counts, failed: counts.failed + this.#failedAttempts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#stopTimer();
    this.#listeners.clear();
    this.#statusListeners.clear();
    await this.#inner?.[Symbol.asyncDispose]();
  }

  /** Resolves with the end of the first attempt, or after a moment. Goes on until it has succeeded. */
  async #openInBackground(): Promise<void> {
    const first = this.#tryToOpen().catch(() => undefined);
    void first.then(() => this.#keepTrying());
    await Promise.race([first, pause(this.#place.context.clock, FIRST_ATTEMPT_MS, this.#signal)]);
    this.#consider();
  }

  async #keepTrying(): Promise<void> {
    const signal = this.#signal;
    const { clock } = this.#place.context;
    for (let failures = 1; this.#inner === undefined && !signal.aborted; failures += 1) {
      const code = this.#failure.error?.code ?? "SECRET_UNAVAILABLE";
      const waitMs = gapMs(failures, code, this.#random);
      this.#attemptAt = clock.now() + waitMs;
      await pause(clock, waitMs, signal);
      this.#attemptAt = undefined;
      if (this.#inner === undefined && !signal.aborted) await this.#tryToOpen().catch(() => undefined);
    }
  }

  /** One attempt for all who ask meanwhile. */
  #tryToOpen(): Promise<SecretVersion> {
    this.#attempt ??= openOnce(this.#place, this.#signal)
      .then(
        (inner) => this.#adopt(inner),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => (this.#attempt = undefined));
    return this.#attempt;
  }

  async #adopt(inner: SecretHandle): Promise<SecretVersion> {
    if (this.#signal.aborted) {
      await inner[Symbol.asyncDispose]();
      throw this.#unavailable();
    }
    this.#inner = inner;
    inner.subscribe((next) => this.#follow(next));
    inner.watchStatus?.(() => this.#consider());
    const version = inner.current();
    this.#follow(version);
    return version;
  }

  #failed(thrown: unknown): never {
    const error = SecretError.from(this.#place.source.name, thrown);
    const known = this.#failure.error;
    this.#failedAttempts += 1;
    this.#failure = { since: this.#failure.since, error };
    const isNew = known?.code !== error.code || known.message !== error.message;
    if (isNew && !this.#signal.aborted) this.#place.context.report(error);
    throw error;
  }

  #follow(next: SecretVersion): void {
    this.#overlap.follow(next);
    this.#listeners.tell(next);
    this.#consider();
  }

  #facts(): KeyFacts {
    const version = this.#overlap.current;
    if (this.#inner !== undefined) return { status: this.#inner.status(), version };
    const reason = this.#failure.error?.message ?? "the key has not been read yet";
    const schedule = this.#attemptAt === undefined ? {} : { refreshAt: this.#attemptAt };
    return { status: { state: "failing", since: this.#failure.since, reason, ...schedule }, version };
  }

  /** Tells what has changed, and looks again when time alone will have changed it. */
  #consider(): void {
    this.#stopTimer();
    const { clock } = this.#place.context;
    if (this.#signal.aborted) return;
    const status = this.status();
    this.#warnOfAge(status);
    if (status.state !== this.#announced) {
      this.#announced = status.state;
      this.#statusListeners.tell(status);
    }
    const dueMs = changesAt(this.#facts(), this.#policy, clock.now()) - clock.now();
    const pollMs = this.#inner === undefined || this.#inner.watchStatus ? Number.POSITIVE_INFINITY : STATUS_POLL_MS;
    const delayMs = Math.min(dueMs, pollMs);
    if (delayMs !== Number.POSITIVE_INFINITY) this.#stopTimer = after(clock, delayMs, () => this.#consider());
  }

  #warnOfAge({ overdueSince }: SecretStatus): void {
    const version = this.#overlap.current;
    if (overdueSince === undefined || version === this.#oldVersion) return;
    this.#oldVersion = version;
    this.#place.context.warn({
      code: "SECRET_OLD",
      message: `the key is older than maxAge since ${new Date(overdueSince).toISOString()}`,
      fix: "replace it by a new one where it is kept, then revoke the old one at the provider",
    });
  }

  #unavailable(): SecretError {
    const { error } = this.#failure;
    const message = error === undefined ? "the key has not been read yet" : `there is no key yet: ${error.message}`;
    return new SecretError("SECRET_UNAVAILABLE", this.#place.source.name, message, {
      found: error?.found,
      fix: error?.fix,
      ...(error === undefined ? {} : { cause: error }),
    });
  }
}
