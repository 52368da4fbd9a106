/** What a keyring is made of, and what it tells. */
import type {
  Clock,
  Credential,
  Failure,
  Lease,
  Outcome,
  RequestFacts,
  SecretHandle,
  SecretVersion,
} from "@keybearer/secrets";
import type { KeyState } from "./state/key-state.ts";

/** A key that is always at hand; `previous` is its last version while both are to be honoured. */
export interface KeyHandle extends Pick<SecretHandle, "current"> {
  refresh?(why: { readonly rejected?: number }): Promise<SecretVersion>;
  previous?(): SecretVersion | undefined;
}

export interface KeySettings {
  /** Unique in its keyring. Replicas that name a key alike choose it alike. */
  readonly name: string;
  /** The source's word. */
  readonly source: string;
  readonly handle: KeyHandle;
  /** The key's place in the state: `assignSlots`. */
  readonly slot: number;
  /** Its share of the requests, 1 if absent. 0: it drains. */
  readonly weight?: number | undefined;
  /** Models that it may be asked for, `*` for any characters. Absent: all. */
  readonly models?: readonly string[] | undefined;
  /** The account behind it: keys of one scope cool together. Absent: it is alone. */
  readonly scope?: string | undefined;
  /** The scope's place in the state; needed with `scope`. */
  readonly scopeSlot?: number | undefined;
  readonly maxConcurrent?: number | undefined;
  /** Approximate: threads that ask at the same moment may each be let in. */
  readonly requestsPerMinute?: number | undefined;
}

/**
 * `affinity`: one conversation, one key, as long as it is well. `roundRobin`: in turn, by weight. `ordered`: the first that
 * is well.
 */
export type Strategy = "affinity" | "roundRobin" | "ordered";

export interface KeyringSettings {
  readonly keys: readonly KeySettings[];
  readonly strategy?: Strategy | undefined;
  readonly state: KeyState;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Must not throw. Of all threads that share the state, one is told. */
  readonly onAlert?: ((alert: KeyAlert) => void) | undefined;
  /** `pool_below` is raised when fewer keys than this are well. 1 if absent. */
  readonly minimumHealthy?: number | undefined;
  /** False: one that a request tries after its rest serves no other until that one has told; else where no other is free. */
  readonly crowds?: boolean | undefined;
}

export type KeyAlert =
  | {
      readonly kind: "key_refused";
      readonly key: string;
      readonly source: string;
      readonly version: number;
      readonly rule: string;
    }
  | {
      readonly kind: "key_recovered";
      readonly key: string;
      readonly source: string;
      readonly version: number;
      readonly by: "newVersion" | "probe";
    }
  | { readonly kind: "pool_below"; readonly healthy: number; readonly minimum: number; readonly keys: number }
  | {
      readonly kind: "overlap_in_use";
      readonly key: string;
      readonly source: string;
      readonly refused: number;
      readonly version: number;
    };

export interface Probe {
  readonly name: string;
  readonly version: SecretVersion;
}

export interface KeyLease extends Lease {
  report(outcome: Outcome): void;
  pin(responseId: string): void;
  renew(): Promise<boolean>;
}

/** Several keys for one provider. All but `renew` is synchronous and does no I/O. */
export interface Keyring extends Credential {
  /** Throws KeyringError. Names in `tried` are passed over. */
  acquire(request: RequestFacts, tried: readonly string[]): KeyLease;
  /** News of a key that came by another way than a lease. */
  report(name: string, news: Failure | "ok", version: SecretVersion, model?: string): void;
  /**
   * Keys that a free check of the provider should test now, each given out once until its next turn: refused ones, at
   * growing intervals, and those that are suspected. Answer with `probed`.
   */
  needsProbe(): Probe[];
  probed(name: string, version: SecretVersion, ok: boolean): void;
  /** Forgets what was held against a key and its scope: an operator knows better. */
  forgive(name: string): void;
  view(): KeyView[];
}

export type KeyCondition =
  | "healthy"
  | "overlap"
  | "suspected"
  | "cooling"
  | "returning"
  | "outOfMoney"
  | "quarantined"
  | "unresolved"
  | "draining";

export interface KeyView {
  readonly name: string;
  readonly source: string;
  readonly scope: string | undefined;
  readonly weight: number;
  readonly models: readonly string[] | undefined;
  readonly state: KeyCondition;
  /** The rule of the last failure, as long as the key is not well. */
  readonly why: string | undefined;
  /** Milliseconds since the epoch: the end of its rest, or its next probe. */
  readonly until: number | undefined;
  /** The version that a request would get. */
  readonly version: SecretVersion | undefined;
  /** The newest version that the provider has refused. */
  readonly refusedVersion: number | undefined;
  readonly inFlight: number;
  readonly maxConcurrent: number | undefined;
  readonly requestsPerMinute: number | undefined;
  /** Milliseconds since the epoch. */
  readonly lastSuccess: number | undefined;
  readonly lastFailure: number | undefined;
  /** Models that it is not used for now. */
  readonly resting: readonly ModelRest[];
}

export interface ModelRest {
  /** Its first 28 characters; empty for requests that name none. */
  readonly model: string;
  readonly state: "cooling" | "outOfMoney" | "notAllowed" | "exhausted";
  /** Milliseconds since the epoch. */
  readonly until: number;
}
