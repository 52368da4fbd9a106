/** The last line: keys that this process holds are taken out of every text before it leaves. */
import { secretScrubber, type SecretScrubber } from "@keybearer/proxy";
import { Secret, type Seal } from "@keybearer/secrets";

/** A source that rotates its key may speak of the one before, and of that before. */
const KEPT_OF_EACH = 16;
/** What is said of a key that could not be opened, or was just given up, comes after its end. */
const KEPT_OF_CLOSED = 256;

/** As vendors' keys begin. */
const KEY_LIKE = /(?<![\w-])(?:sk|pk|gsk|xai|pplx|hf|nvapi)[-_][\w+=.-]{16,}/g;

class KnownKeys {
  readonly #open = new Set<Secret[]>();
  #closed: readonly Secret[] = [];
  /** Compiled when first asked for after a change. */
  #scrubber: SecretScrubber | undefined;

  /** What it seals is known from then on: until `signal` fires, and for a while after. */
  following(seal: Seal, signal: AbortSignal): Seal {
    const secrets: Secret[] = [];
    this.#open.add(secrets);
    signal.addEventListener("abort", () => this.#close(secrets), { once: true });
    return (text, options) => {
      const version = seal(text, options);
      for (const secret of [version.secret, ...Object.values(version.parts ?? {})]) this.#learn(secret, secrets);
      // A source that was given up may go on, and speak of what it finds.
      if (signal.aborted) this.#close(secrets);
      return version;
    };
  }

  /** Each key that is known becomes `[secret 3f9a1c07]`. */
  scrub(text: string): string {
    return this.#scrubbing.text(text);
  }

  /** Of text in UTF-8; the same bytes where no key is in them. */
  scrubBytes(bytes: Buffer): Buffer {
    return this.#scrubbing.bytes(bytes);
  }

  /** Of an error that is not ours: it may quote a key that nobody has sealed yet, so what looks like one goes as well. */
  scrubForeign(text: string): string {
    return this.scrub(text).replaceAll(KEY_LIKE, "<a key?>");
  }

  get #scrubbing(): SecretScrubber {
    return (this.#scrubber ??= secretScrubber([...this.#open, this.#closed].flat()));
  }

  #learn(secret: Secret, secrets: Secret[]): void {
    const known = secrets.findIndex((other) => Secret.equal(other, secret));
    // What was sealed last goes last: a part that stays is not crowded out by one that changes.
    secrets.push(...(known === -1 ? [secret] : secrets.splice(known, 1)));
    if (secrets.length > KEPT_OF_EACH) secrets.shift();
    if (known === -1) this.#scrubber = undefined;
  }

  #close(secrets: Secret[]): void {
    this.#open.delete(secrets);
    const others = this.#closed.filter((closed) => !secrets.some((secret) => Secret.equal(closed, secret)));
    this.#closed = [...others, ...secrets].slice(-KEPT_OF_CLOSED);
    this.#scrubber = undefined;
  }
}

/** One for the whole process, as its standard error is one: no way to an exit leads past a key of another gateway in it. */
export const knownKeys = new KnownKeys();
