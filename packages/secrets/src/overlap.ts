/** Keeps the version before a rotation for a while: a provider may not know the new key yet. */
import type { Clock, SecretVersion } from "./contract.ts";
import { Secret } from "./secret.ts";

export class Overlap {
  readonly #clock: Clock;
  readonly #overlapMs: number;
  #current: SecretVersion | undefined;
  #before: SecretVersion | undefined;

  constructor(clock: Clock, overlapMs: number) {
    this.#clock = clock;
    this.#overlapMs = overlapMs;
  }

  /** What is current from now on. */
  follow(next: SecretVersion): void {
    const old = this.#current;
    this.#current = next;
    // A later expiry of the same value is a new version, and no rotation.
    if (old === undefined || Secret.equal(old.secret, next.secret)) return;
    const endsAt = this.#clock.now() + this.#overlapMs;
    this.#before = { ...old, expiresAt: Math.min(endsAt, old.expiresAt ?? endsAt) };
  }

  get current(): SecretVersion | undefined {
    return this.#current;
  }

  get previous(): SecretVersion | undefined {
    // Forgotten, rather than only passed over: no dead key stays in memory.
    if (this.#before !== undefined && !isAlive(this.#before, this.#clock)) this.#before = undefined;
    return this.#before;
  }
}

export function isAlive({ expiresAt }: SecretVersion, clock: Clock): boolean {
  return expiresAt === undefined || expiresAt > clock.now();
}
