/** When a request is sent again to providers that have failed it: where a `retry` policy asks for it, or it is safe in any case. */
import { parseWait, type HeaderList } from "@keybearer/providers";
import type { Way } from "./attempt.ts";
import { ProxyError, type ProxyErrorCode } from "./errors.ts";
import type { Refusal } from "./refusal.ts";
import { leftMs } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";

/** Nobody waits for a provider that wants to be left alone for longer: its answer tells the client when to come again. */
const LONGEST_RETRY_AFTER_MS = 30_000;

/** agentgateway's `UpstreamCallFailed`, `UpstreamCallTimeout` and `DnsResolution`. */
const FAILED_CALLS: ReadonlySet<ProxyErrorCode> = new Set([
  "upstream_unreachable",
  "upstream_closed",
  "upstream_invalid_response",
  "upstream_timeout",
]);

/** They change nothing, however often they come (RFC 9110 section 9.2.1). */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Why an attempt served nobody. */
export type AttemptFailure = Refusal | ProxyError;

/** For one request. */
export class Retries {
  /** The attempt before was on a connection that the provider closed as the request came. */
  isWary = false;
  readonly #transaction: Transaction;
  readonly #way: Way;

  constructor(transaction: Transaction, way: Way) {
    this.#transaction = transaction;
    this.#way = way;
  }

  /** The policy leaves another attempt. */
  get remain(): boolean {
    return this.#transaction.retries < (this.#way.policies.retry?.attempts ?? 0);
  }

  /** Whether an answer of this status is worth keeping back, because another attempt may follow it. */
  mayFollow(status: number): boolean {
    return this.remain && this.#way.policies.retry?.codes.includes(status) === true;
  }

  /**
   * Waits until it is time to send the request again. False: it is not to be. `cooledMs`: for so long no key may be used.
   * Throws ProxyError when nobody waits for the answer any more.
   */
  async follow(failure: AttemptFailure, cooledMs = 0): Promise<boolean> {
    if (this.#transaction.exchange.headSent) return false;
    const isConcerned = this.#concerns(failure);
    if (!isConcerned && !this.#isSafe(failure)) return false;
    const waitMs = isConcerned ? this.#waitMs(failure, cooledMs) : 0;
    if (waitMs === undefined) return false;
    if (waitMs > 0) await this.#pause(waitMs);
    this.#transaction.retries += 1;
    this.isWary = ProxyError.is(failure) && failure.isStale;
    return true;
  }

  #concerns(failure: AttemptFailure): boolean {
    if (!ProxyError.is(failure)) return this.mayFollow(failure.status);
    return this.remain && FAILED_CALLS.has(failure.code);
  }

  /** Once, without a policy: the provider has not seen it, or most likely has not, and would not mind. */
  #isSafe(failure: AttemptFailure): boolean {
    const { retries, exchange } = this.#transaction;
    const { candidates, policies } = this.#way;
    if (!ProxyError.is(failure) || policies.retry || retries > 0) return false;
    // Of several backends, the next is a better guess than the same.
    if (failure.isUnsent) return failure.code === "upstream_unreachable" && !candidates.areSeveral;
    return failure.isStale && SAFE_METHODS.has(exchange.head.method);
  }

  /** Undefined: too long. By up to a quarter longer than asked for, so that those who failed together do not come back together. */
  #waitMs(failure: AttemptFailure, cooledMs: number): number | undefined {
    const { policies, road } = this.#way;
    const askedMs = Math.max(cooledMs, ProxyError.is(failure) ? 0 : retryAfterMs(failure.headers));
    if (askedMs > LONGEST_RETRY_AFTER_MS) return undefined;
    const ms = Math.max(policies.retry?.backoffMs ?? 0, askedMs) * (1 + road.random() / 4);
    return ms < leftMs(this.#transaction, policies) ? ms : undefined;
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#transaction.exchange.onClientGone(reject);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What the answer itself asks for; the finer of the two first. */
function retryAfterMs(headers: HeaderList): number {
  const ms = headers.get("retry-after-ms");
  return (ms === undefined ? parseWait(headers.get("retry-after"), Date.now()) : Number.parseFloat(ms)) || 0;
}
