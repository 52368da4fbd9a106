/** The newest version of a key, and who wants to hear of the next. */
import type { Clock, SecretVersion } from "./contract.ts";
import { SecretError } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import { Secret } from "./secret.ts";

export interface LatestSettings {
  readonly source: string;
  readonly clock: Clock;
  /** Hears of a listener that threw. */
  report(error: unknown): void;
}

/** Holds one version. Never goes back to an older one, and does not tell of a value that is the same. */
export class Latest {
  readonly #settings: LatestSettings;
  readonly #listeners: Listeners<SecretVersion>;
  #version: SecretVersion;

  constructor(first: SecretVersion, settings: LatestSettings) {
    this.#version = first;
    this.#settings = settings;
    this.#listeners = new Listeners((error) => settings.report(error));
  }

  /** Also an expired one. */
  get version(): SecretVersion {
    return this.#version;
  }

  get expired(): boolean {
    const { expiresAt } = this.#version;
    return expiresAt !== undefined && expiresAt <= this.#settings.clock.now();
  }

  /** Throws SecretError SECRET_EXPIRED rather than hand out a dead key. */
  current(): SecretVersion {
    if (this.expired) {
      throw new SecretError("SECRET_EXPIRED", this.#settings.source, "the key has expired and no newer one was found", {
        found: `expired ${new Date(this.#version.expiresAt ?? 0).toISOString()}`,
      });
    }
    return this.#version;
  }

  /** Returns what is held afterwards: `next`, or the present version if `next` is older or no different. */
  set(next: SecretVersion): SecretVersion {
    if (next.id <= this.#version.id || isSame(next, this.#version)) return this.#version;
    this.#version = next;
    this.#listeners.tell(next);
    return next;
  }

  subscribe(listener: (next: SecretVersion) => void): () => void {
    return this.#listeners.add(listener);
  }
}

// A later expiry is news: whoever holds the old version would drop a key that still lives.
function isSame(one: SecretVersion, other: SecretVersion): boolean {
  if (!Secret.equal(one.secret, other.secret) || one.expiresAt !== other.expiresAt) return false;
  const parts = Object.entries(one.parts ?? {});
  if (parts.length !== Object.keys(other.parts ?? {}).length) return false;
  return parts.every(([name, secret]) => {
    const counterpart = other.parts?.[name];
    return counterpart !== undefined && Secret.equal(secret, counterpart);
  });
}
