/** How long a request waits for newer versions of keys that were refused. */
import { timeLeft } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";
import type { Way } from "./attempt.ts";

export class Patience {
  readonly #transaction: Transaction;
  readonly #way: Way;
  #endsMs: number | undefined;

  constructor(transaction: Transaction, way: Way) {
    this.#transaction = transaction;
    this.#way = way;
  }

  /** What the source tells; false when it takes too long. Throws ProxyError `client_closed`, `request_timeout`. */
  async wait(renewing: Promise<boolean>): Promise<boolean> {
    const { exchange } = this.#transaction;
    const { promise: over, resolve, reject } = Promise.withResolvers<boolean>();
    const limit = setTimeout(resolve, this.#leftMs(), false);
    exchange.onClientGone(reject);
    try {
      return await Promise.race([renewing, over]);
    } finally {
      clearTimeout(limit);
    }
  }

  /** One limit for all the keys of a request, from the first refusal on. */
  #leftMs(): number {
    const now = this.#transaction.elapsedMs();
    this.#endsMs ??= now + this.#way.road.timeouts.renewMs;
    return Math.min(this.#endsMs - now, timeLeft(this.#transaction, this.#way.policies)?.ms ?? Infinity);
  }
}
