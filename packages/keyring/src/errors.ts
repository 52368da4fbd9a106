/** Why no key serves a request. */

export type KeyringErrorCode =
  /** Every key that could serve is cooling, or some are and the others cannot. 429. */
  | "all_cooling"
  /** A limit of our own: `maxConcurrent` or `requestsPerMinute` of each key that could serve. 429. */
  | "shed"
  /** This request has tried each key that could serve. The last answer is the answer. */
  | "all_tried"
  /** The provider refuses the keys. 502. */
  | "all_refused"
  /** The accounts behind the keys have to be paid. 502. */
  | "out_of_money"
  /** No key could be read, or none is in service (`weight: 0`). 503. */
  | "unresolved"
  /** No key may ask for this model. 404. */
  | "model_not_allowed";

/** How one key stood when it was passed over. */
export type KeyStanding =
  | "tried"
  | "cooling"
  | "shed"
  | "refused"
  | "out_of_money"
  | "unresolved"
  | "model_not_allowed"
  | "draining";

export interface TrailEntry {
  readonly key: string;
  readonly standing: KeyStanding;
  /** Milliseconds until it may serve again, where that is known. */
  readonly waitMs?: number;
}

const brand = Symbol.for("keybearer.KeyringError");

/** Match `code`, not the message. Names keys, never a value. */
export class KeyringError extends Error {
  override readonly name = "KeyringError";
  readonly [brand] = true;
  readonly code: KeyringErrorCode;
  /** For `all_cooling` and `shed`: milliseconds until the first key may serve again. */
  readonly retryAfterMs: number | undefined;
  /** Each key and why it was passed over. For the log, not for the caller. */
  readonly trail: readonly TrailEntry[];
  /**
   * For `all_refused`: asks the sources of the refused keys for newer versions, as the request that was refused did. True:
   * there is one, and `acquire` gives it. Never rejects.
   */
  readonly renew: (() => Promise<boolean>) | undefined;

  constructor(
    code: KeyringErrorCode,
    trail: readonly TrailEntry[],
    more: { readonly retryAfterMs?: number; readonly renew?: () => Promise<boolean> } = {},
  ) {
    super(messages[code]);
    this.code = code;
    this.trail = trail;
    this.retryAfterMs = more.retryAfterMs;
    this.renew = more.renew;
  }

  static is(error: unknown): error is KeyringError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

const messages: Readonly<Record<KeyringErrorCode, string>> = {
  all_cooling: "every key that could serve this request is waiting for a limit to pass",
  shed: "every key that could serve this request is at its own limit",
  all_tried: "this request has tried every key that could serve it",
  all_refused: "the provider refuses the keys",
  out_of_money: "the accounts behind the keys are out of credit",
  unresolved: "there is no key in service",
  model_not_allowed: "no key may ask for this model",
};
