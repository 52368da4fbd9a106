/** A key's value, wrapped so that it cannot be printed by accident. */
import { hash, timingSafeEqual, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { fingerprintOf } from "./fingerprint.ts";

const guard = Symbol("secret");

/**
 * String(), templates, JSON and util.inspect give `[secret 3f9a1c07]`; a structured clone holds nothing at all.
 * Made by `context.seal` alone, which checks the text first.
 */
export class Secret {
  readonly #value: string;
  #fingerprint: string | KeyObject;

  /** Not for you: `new Secret()` throws TypeError. */
  constructor(token: symbol, value: string, fingerprint: string | KeyObject) {
    if (token !== guard) throw new TypeError("a Secret is made by seal() alone");
    this.#value = value;
    this.#fingerprint = fingerprint;
  }

  /** The value. Call it where the key is put on the wire, and nowhere else. */
  reveal(): string {
    return this.#value;
  }

  /**
   * The first 8 hex digits of an HMAC-SHA-256. Computed (2 microseconds) when first asked for: a passed-through token
   * that nobody logs never pays for it.
   */
  get fingerprint(): string {
    if (typeof this.#fingerprint !== "string") this.#fingerprint = fingerprintOf(this.#value, this.#fingerprint);
    return this.#fingerprint;
  }

  /** Compares values, so that nobody has to reveal them for it. Not in constant time: for our own keys, not for a login. */
  static equal(one: Secret, other: Secret): boolean {
    // Not by the private field: a module of the operator may have a copy of this package, and so another class.
    return one.reveal() === other.reveal();
  }

  /** Whether a text that somebody sent is this one. How long it takes tells nothing of the secret. */
  matches(text: string): boolean {
    return timingSafeEqual(digest(this.#value), digest(text));
  }

  toString(): string {
    return `[secret ${this.fingerprint}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.toPrimitive](): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** For seal.ts, and not exported from the package. `fingerprint`: the digits, or the key that makes them. */
export function makeSecret(value: string, fingerprint: string | KeyObject): Secret {
  return new Secret(guard, value, fingerprint);
}
