/** What one request takes of the memory for bodies that are read whole. */
import type { ByteBudget } from "./byte-budget.ts";
import { ProxyError } from "./errors.ts";

/** Of each body so much is free: `requests` of the limits bounds how many there are, and most are smaller. */
const FREE_BYTES = 64 * 1024;

const RETRY_AFTER_MS = 1000;

export class BodyReserve {
  readonly #budget: ByteBudget;
  #wantedBytes = 0;
  #heldBytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** False: there is not so much left. */
  take(bytes: number): boolean {
    this.#wantedBytes += bytes;
    const more = this.#wantedBytes - FREE_BYTES - this.#heldBytes;
    if (more <= 0) return true;
    if (!this.#budget.take(more)) return false;
    this.#heldBytes += more;
    return true;
  }

  /** What whoever gets nothing is told. */
  get error(): ProxyError {
    const message = "The gateway holds as many bodies of requests as it may.";
    return new ProxyError("overloaded", message, { retryAfterMs: RETRY_AFTER_MS });
  }

  /** False: there was nothing to release. */
  release(): boolean {
    if (this.#heldBytes === 0) return false;
    this.#budget.give(this.#heldBytes);
    this.#heldBytes = 0;
    return true;
  }
}
