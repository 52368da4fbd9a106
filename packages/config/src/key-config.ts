/** What a valid config says of keys: where each is to be had, where it goes, how it is kept, which others stand in for it. */
import type { Path } from "./errors.ts";

/** At most one of `key`, `pool` and `passthrough`; `credentials` beside any, or alone. Never all of them empty. */
export interface BackendAuth extends OwnKeys {
  readonly path: Path;
  readonly passthrough: Passthrough | undefined;
  readonly credentials: readonly Credential[];
  /** Whether the key may be sent without TLS to a host that is not private. */
  readonly allowCleartext: boolean;
}

/** Keys of ours: one, or several of which a request gets one. */
export interface OwnKeys {
  readonly key: PlacedKey | undefined;
  readonly pool: KeyPool | undefined;
}

export interface PlacedKey {
  readonly path: Path;
  readonly reference: KeyReference;
  /** Undefined: where the provider wants it. */
  readonly location: Location | undefined;
  readonly policy: KeyPolicy;
  /** The key before this one. */
  readonly previous: KeyReference | undefined;
}

/** A further key, at a place of its own. */
export interface Credential extends PlacedKey {
  readonly location: Location;
}

export type KeyStartup = "fail" | "wait" | "degraded";

/** How a key is kept. The long times are compared with a clock: they may be more than a timer can hold. */
export interface KeyPolicy {
  readonly startup: KeyStartup;
  /** How long a start waits for a key, where `startup` is `wait`. */
  readonly startupTimeoutMs: number;
  /** How long the last good value is used when the source cannot be read; absent: without end. At most ten years. */
  readonly maxStaleMs?: number;
  /** How old a key may get before it is reported; absent: without end. At most ten years. */
  readonly maxAgeMs?: number;
  /** How long a key's predecessor is kept; 0: not at all. */
  readonly overlapMs: number;
}

export type KeyStrategy = "affinity" | "roundRobin" | "ordered";

/** `keys:` with what stands beside it. */
export interface KeyPool {
  readonly path: Path;
  readonly strategy: KeyStrategy;
  /** Where each of them goes; undefined: where the provider wants it. */
  readonly location: Location | undefined;
  /** Never empty. */
  readonly keys: readonly PoolKey[];
}

/** One of several keys. Its own `location` is always undefined: the pool's counts. */
export interface PoolKey extends PlacedKey {
  /** Unique in the pool: letters, digits, `.`, `-`, `_`. Undefined: none was given. */
  readonly name: string | undefined;
  /** 0: it gets no new requests. */
  readonly weight: number;
  /** Exact, `*` at the start or the end, or `*` alone; undefined: every model. Never empty. */
  readonly models: readonly string[] | undefined;
  /** Undefined: one of its own. */
  readonly scope: string | undefined;
  /** Undefined: no limit. */
  readonly maxConcurrent: number | undefined;
  /** Undefined: no limit. */
  readonly requestsPerMinute: number | undefined;
}

/** Where a key is to be had. Holds the key itself only if the config does. */
export interface KeyReference {
  /** Where the reference stands: the bare text, or what is below the source's word. */
  readonly path: Path;
  /** The source's word: `env`, `file`, `inline`. */
  readonly source: string;
  /** Output of that source's schema, or of its `scalar()`. */
  readonly ref: unknown;
  /** No source has this word, and `unloadedSources` let it pass: `ref` is what was written. */
  readonly isUnchecked?: true;
}

export interface Passthrough {
  readonly path: Path;
  /** The one place where the caller's token is taken from. */
  readonly from: Location | undefined;
  /** Where it is put; undefined: where the provider wants it. */
  readonly location: Location | undefined;
  /** For a caller who sent no token. One of `key` and `pool` is there. */
  readonly otherwise: (OwnKeys & { readonly path: Path }) | undefined;
}

/** Where a credential stands in a request. Header names in lower case. */
export type Location =
  | { readonly header: { readonly name: string; readonly prefix?: string | undefined } }
  | { readonly queryParameter: { readonly name: string } }
  | { readonly cookie: { readonly name: string } };
