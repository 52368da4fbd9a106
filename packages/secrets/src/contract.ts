/** The contracts of a key: where it lives (source), what keeps it current (handle), what a request gets (credential). */
import type { Secret } from "./secret.ts";
import type { StandardSchemaV1 } from "./standard-schema.ts";

/** One state of a key. `secret` is the common case; AWS and OAuth need `parts` that rotate together. */
export interface SecretVersion {
  /** Grows with each new value of one handle; never repeated. */
  readonly id: number;
  readonly secret: Secret;
  readonly parts?: Readonly<Record<string, Secret>>;
  /** Milliseconds since the epoch: when we first had this value. */
  readonly obtainedAt: number;
  /** Milliseconds since the epoch: when it was put into its store, if the source knows. */
  readonly writtenAt?: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** A key store, or any other place where keys live. Named by its word in YAML: `key: { <name>: <ref> }`. */
export interface SecretSource<Ref = unknown> {
  readonly name: string;
  /** Validates what stands below the word. Ours are valibot; third parties may bring any Standard Schema. */
  readonly schema: StandardSchemaV1<unknown, Ref>;
  /** Claims a bare string: env takes "$NAME", inline takes what nobody else claimed. Never returns a secret in an error. */
  scalar?(text: string): Ref | undefined;
  /** Reads the key for the first time. Throws SecretError. */
  open(ref: Ref, context: SourceContext): Promise<SecretHandle>;
}

/** Environment variables, handed in and never read from the process by a source itself. */
export interface Env {
  get(name: string): string | undefined;
  /**
   * Told that variables may have changed, where they can (an env file that is watched). Returns the function that
   * unsubscribes. Absent: they never change, as in the environment of a process.
   */
  subscribe?(listener: () => void): () => void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Calls back once, after so many milliseconds, and does not keep the process alive for it. Returns what cancels it.
   * Absent: the system's timer. A test's clock brings its own.
   */
  after?(delayMs: number, callback: () => void): () => void;
}

/** Something worth saying that is no error: an inline key, a file that all may read. */
export interface Notice {
  /** Stable, upper case: `SECRET_INLINE`. */
  readonly code: string;
  /** Never a value. */
  readonly message: string;
  readonly fix?: string;
}

export interface SealOptions {
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** Milliseconds since the epoch: when the value was put into its store. */
  readonly writtenAt?: number;
  readonly parts?: Readonly<Record<string, string>>;
}

/** What a source gets to work with. */
export interface SourceContext {
  /** Directories in which a relative path is looked up, in order: the config file's, then the working directory. */
  readonly baseDirectories: readonly string[];
  readonly env: Env;
  readonly clock: Clock;
  /** Aborted when the handle is no longer wanted. */
  readonly signal: AbortSignal;
  /** For a failure after the first read, when there is no caller to throw to. */
  report(error: unknown): void;
  warn(notice: Notice): void;
  /** Checks the text and makes it a version. Throws SecretError, which never carries the text. */
  seal(text: string, options?: SealOptions): SecretVersion;
}

/**
 * How a key fares, for admin pages, metrics and the command line. Stale: the source cannot be read, and the last good
 * version serves. Failing: there is none, or it has expired, and nothing serves. `since`: milliseconds since the epoch.
 */
export type SecretStatus = SecretAge &
  SecretSchedule &
  (
    | { readonly state: "fresh" }
    | { readonly state: "stale"; readonly since: number; readonly reason: string }
    | { readonly state: "failing"; readonly since: number; readonly reason: string }
  );

export interface SecretAge {
  /** The version is older than the key's policy wants since then: milliseconds since the epoch. It serves all the same. */
  readonly overdueSince?: number;
}

/** How the next version will be noticed. */
export interface SecretSchedule {
  /** When the source is asked next, if it is asked by the clock: milliseconds since the epoch. */
  readonly refreshAt?: number;
  /** The source tells of changes by itself. */
  readonly watched?: true;
}

/**
 * What came of the reads of a source after the one that opened the key, and of what a watched source told by itself: a new
 * version, none, or a failure. Attempts to open the key that failed are among the failures. They never fall.
 */
export interface RefreshCounts {
  readonly new: number;
  readonly same: number;
  readonly failed: number;
}

/** A key that is always at hand. Versions arrive in order; some may be skipped, none is repeated. */
export interface SecretHandle extends AsyncDisposable {
  /** The newest good version. Never does I/O. Throws SECRET_EXPIRED rather than hand out a dead key. */
  current(): SecretVersion;
  /**
   * Reads the source again. Single flight; returns at once if the current version is already newer than `rejected`.
   * Rejects with a SecretError if the read fails; the last good version stays current then.
   */
  refresh(why?: { readonly rejected?: number }): Promise<SecretVersion>;
  /** Returns the function that unsubscribes. */
  subscribe(listener: (next: SecretVersion) => void): () => void;
  status(): SecretStatus;
  /** Told whenever `status().state` has become another. Returns the function that unsubscribes. */
  watchStatus?(listener: (status: SecretStatus) => void): () => void;
  /** Absent: nobody counts them. */
  refreshes?(): RefreshCounts;
  /**
   * What a provider may still accept when it refuses the current version: the version before a rotation, for a while, or
   * the current version of a second source. Its `expiresAt` is when that while ends; its id is that of no other version.
   */
  previous?(): SecretVersion | undefined;
}

/** What of a request may decide its credential: what was already read for routing. */
export interface RequestFacts {
  /** First value of a header, by lower-case name. A header that client authentication consumed is not there any more. */
  header(name: string): string | undefined;
  /** First value of a query parameter, decoded. */
  query(name: string): string | undefined;
  cookie(name: string): string | undefined;
  readonly model?: string | undefined;
  /** What all requests of one conversation share, checked for form; it decides nothing but which of several keys serves. */
  readonly conversation?: string | undefined;
  /** The response that it goes on from, which the account that made it knows alone. */
  readonly previousResponse?: string | undefined;
  /** Who asks: the id of a validated client key, else the peer's address. Never what a header alone says. */
  readonly caller?: string | undefined;
}

/** How the attempt that used a lease ended. `exhaustedMs`: an answer that says nothing remains for so long. */
export type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly exhaustedMs?: number | undefined }
  | { readonly kind: "refused"; readonly failure: Failure }
  | { readonly kind: "failed" }
  | { readonly kind: "abandoned" };

/** Why a provider refused, and whose state that touches. */
export interface Failure {
  /**
   * `keyInvalid`: the key, or the account behind it, is refused. `notAllowed`: good, but not for this model, region or
   * endpoint. `overloaded`, `network`: the key is blameless. `suspected`: it may be the key, and a probe must tell.
   */
  readonly class:
    | "keyInvalid"
    | "notAllowed"
    | "outOfMoney"
    | "limited"
    | "overloaded"
    | "callersFault"
    | "network"
    | "suspected";
  /**
   * Whose state it touches. `keyModel`: the key for this model (a limit: its account for this model). `scope`: every key of
   * the account. `endpoint`: the provider. `none`: this request only.
   */
  readonly scope: "key" | "keyModel" | "scope" | "endpoint" | "none";
  /** Finite and not negative. */
  readonly waitMs?: number | undefined;
  /** True: a structured code or the status says so. False: only text does, which a caller might have talked into it. */
  readonly confirmed: boolean;
  /** Name of the rule that told, for logs. */
  readonly rule: string;
  /** What was asked for may be known to another account: its key is worth a try, though none of ours is to blame. */
  readonly elsewhere?: true | undefined;
}

/** What a request gets: one key, one of several, or the request's own token. Synchronous, never does I/O. */
export interface Credential {
  /** Throws SecretError. `tried` names the leases that this request used before. */
  acquire(request: RequestFacts, tried: readonly string[]): Lease;
}

export interface Lease {
  /** The key's name in logs and metrics. */
  readonly name: string;
  /** The source's word: `env`, `file`, `passthrough`. */
  readonly source: string;
  readonly version: SecretVersion;
  /** Tells what is known before the end: the answer has begun, an error came in the stream. `release` still follows. */
  report?(outcome: Outcome): void;
  /** Tells of a response that this key has made: requests that go on from it get the same key, as long as that can serve. */
  pin?(responseId: string): void;
  /** Asks the source for a version newer than this one. True: there is one, and `acquire` gives it. Never rejects. */
  renew?(): Promise<boolean>;
  /** Once; a second call does nothing. */
  release(outcome: Outcome): void;
}
