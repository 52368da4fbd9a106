/** The key that seals TLS sessions: one for all threads, so that a client resumes on any of them; another every 12 hours. */
import { randomBytes } from "node:crypto";

const BYTES = 32;
/** Whoever learns the key can read what was said under it (RFC 8446 appendix F.1). */
const LIFETIME_MS = 12 * 60 * 60 * 1000;

export class TicketKey {
  readonly #timer: NodeJS.Timeout;
  #current: Uint8Array = randomBytes(BYTES);

  /** Sessions of the key before are not resumed: their clients shake hands again. */
  constructor(renewed: (key: Uint8Array) => void) {
    this.#timer = setInterval(() => {
      this.#current = randomBytes(BYTES);
      renewed(this.#current);
    }, LIFETIME_MS).unref();
  }

  get current(): Uint8Array {
    return this.#current;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
