/** A handle over anything that can be read again: one read at a time, one in wait, the last good value kept. */
import type { RefreshCounts, SecretHandle, SecretStatus, SecretVersion, SourceContext } from "./contract.ts";
import { SecretError } from "./errors.ts";
import { Latest } from "./latest.ts";
import { Listeners } from "./listeners.ts";

export interface RefreshingHandleSettings {
  /** The source's word, for errors. */
  readonly source: string;
  readonly context: Pick<SourceContext, "clock" | "report">;
  readonly first: SecretVersion;
  /** Reads the source and seals what it finds, nothing older than what was `put` before. Must end: bound it in time. */
  read(): Promise<SecretVersion>;
  /**
   * How long, in milliseconds, a rejected key does not cause another read after one that failed or found nothing new.
   * A read that did find something costs no wait. 0 by default, for a source as cheap as a small file.
   */
  readonly cooldownMs?: number;
  /** Called after each read with its failure, if it was one: whoever keeps a timer sets the next. */
  settled?(failure: SecretError | undefined): void;
  /** When whoever keeps a timer has it read next: milliseconds since the epoch. */
  refreshAt?(): number | undefined;
  /** The source hears of changes by itself. */
  readonly watched?: boolean;
  /** Called once, when the handle is disposed of, before a read that still runs is awaited. */
  close?(): void;
}

/** With a second door, for a source that hears of changes by itself. Both are shut once the handle is disposed of. */
export interface RefreshingHandle extends SecretHandle {
  watchStatus(listener: (status: SecretStatus) => void): () => void;
  refreshes(): RefreshCounts;
  /** Returns what is current afterwards. */
  put(version: SecretVersion): SecretVersion;
  /** The last good version stays current. Reported, unless the key fails already and for the same reason. */
  fail(error: unknown): void;
}

export function refreshingHandle(settings: RefreshingHandleSettings): RefreshingHandle {
  return new Refreshing(settings);
}

class Refreshing implements RefreshingHandle {
  readonly #settings: RefreshingHandleSettings;
  readonly #latest: Latest;
  readonly #statusListeners: Listeners<SecretStatus>;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: { promise: Promise<SecretVersion>; rejected: number } | undefined;
  #failure: { readonly since: number; readonly error: SecretError } | undefined;
  #quietUntil = Number.NEGATIVE_INFINITY;
  readonly #refreshes = { new: 0, same: 0, failed: 0 };
  /** How often something was put or failed by itself. */
  #events = 0;
  #closed = false;

  constructor(settings: RefreshingHandleSettings) {
    const { source, context, first } = settings;
    this.#settings = settings;
    const report = (error: unknown): void => context.report(error);
    this.#latest = new Latest(first, { source, clock: context.clock, report });
    this.#statusListeners = new Listeners(report);
  }

  current(): SecretVersion {
    return this.#latest.current();
  }

  subscribe(listener: (next: SecretVersion) => void): () => void {
    return this.#latest.subscribe(listener);
  }

  watchStatus(listener: (status: SecretStatus) => void): () => void {
    return this.#statusListeners.add(listener);
  }

  put(version: SecretVersion): SecretVersion {
    if (this.#closed) return this.#latest.version;
    this.#events += 1;
    const before = this.#latest.version;
    const after = this.#succeed(version);
    this.#refreshes[after === before ? "same" : "new"] += 1;
    return after;
  }

  fail(thrown: unknown): void {
    if (this.#closed) return;
    this.#events += 1;
    this.#refreshes.failed += 1;
    const known = this.#failure?.error;
    const error = this.#failed(thrown);
    if (known?.code !== error.code || known.message !== error.message) this.#settings.context.report(error);
  }

  status(): SecretStatus {
    const { expiresAt } = this.#latest.version;
    const reason = this.#failure?.error.message ?? "the key has expired";
    const refreshAt = this.#settings.refreshAt?.();
    const schedule = {
      ...(refreshAt === undefined ? {} : { refreshAt }),
      ...(this.#settings.watched ? { watched: true as const } : {}),
    };
    if (this.#latest.expired && expiresAt !== undefined)
      return { state: "failing", since: expiresAt, reason, ...schedule };
    if (this.#failure === undefined) return { state: "fresh", ...schedule };
    return { state: "stale", since: this.#failure.since, reason, ...schedule };
  }

  refreshes(): RefreshCounts {
    return { ...this.#refreshes };
  }

  async refresh(why: { readonly rejected?: number } = {}): Promise<SecretVersion> {
    // Whoever names no version wants the source to be read, whatever we know.
    const rejected = why.rejected ?? Number.POSITIVE_INFINITY;
    const known = this.#known(rejected);
    if (known !== undefined) return known;
    // A read that already runs may have begun before the change that the caller knows of, so it does not count.
    if (this.#waiting === undefined) return this.#enqueue(rejected);
    this.#waiting.rejected = Math.max(this.#waiting.rejected, rejected);
    return this.#waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#settings.close?.();
    }
    await this.#turn;
  }

  #enqueue(rejected: number): Promise<SecretVersion> {
    const promise = this.#turn.then(() => {
      const asked = this.#waiting?.rejected ?? Number.POSITIVE_INFINITY;
      this.#waiting = undefined;
      // The read before this one may have found what a rejected key needs, or that there is nothing.
      return this.#known(asked) ?? this.#read(asked);
    });
    this.#waiting = { promise, rejected };
    this.#turn = promise.then(ignore, ignore);
    return promise;
  }

  /** What can be said without a read: there is a newer version, or so soon after the last read there is none. */
  #known(rejected: number): SecretVersion | undefined {
    const { version } = this.#latest;
    if (version.id > rejected) return version;
    const quiet = this.#settings.context.clock.now() < this.#quietUntil;
    if (rejected === Number.POSITIVE_INFINITY || !quiet) return undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
    return version;
  }

  async #read(rejected: number): Promise<SecretVersion> {
    const { source, context, cooldownMs = 0 } = this.#settings;
    const before = this.#latest.version;
    const events = this.#events;
    try {
      if (this.#closed) throw new SecretError("SECRET_UNAVAILABLE", source, "the key is no longer in use");
      const after = this.#succeed(await this.#settings.read());
      this.#count(after === before ? "same" : "new", events);
      // A look that an event or the clock has caused says nothing of what comes in the next moment.
      const wasForRefused = rejected !== Number.POSITIVE_INFINITY;
      if (after === before && wasForRefused) this.#quietUntil = context.clock.now() + cooldownMs;
      return after;
    } catch (thrown) {
      this.#quietUntil = context.clock.now() + cooldownMs;
      this.#count("failed", events);
      throw this.#failed(thrown);
    } finally {
      if (!this.#closed) this.#settings.settled?.(this.#failure?.error);
    }
  }

  /** What a watched source has told in the middle of a read is that read's own news, and counted already. */
  #count(result: keyof RefreshCounts, eventsBefore: number): void {
    if (!this.#closed && this.#events === eventsBefore) this.#refreshes[result] += 1;
  }

  #succeed(version: SecretVersion): SecretVersion {
    const before = this.#latest.version;
    const after = this.#latest.set(version);
    if (after !== before) this.#quietUntil = Number.NEGATIVE_INFINITY;
    const isMended = this.#failure !== undefined;
    this.#failure = undefined;
    if (isMended) this.#statusListeners.tell(this.status());
    return after;
  }

  #failed(thrown: unknown): SecretError {
    const error = SecretError.from(this.#settings.source, thrown);
    const isNew = this.#failure === undefined;
    this.#failure = { since: this.#failure?.since ?? this.#settings.context.clock.now(), error };
    if (isNew && !this.#closed) this.#statusListeners.tell(this.status());
    return error;
  }
}

function ignore(): void {}
