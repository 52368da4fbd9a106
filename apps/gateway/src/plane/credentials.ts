/** The credentials of a serving thread: keys that the main thread keeps current, and the callers' own tokens. */
import { createKeyring, type KeyAlert, type KeyHandle, type Keyring, type KeyState } from "@keybearer/keyring";
import { passthroughCredential } from "@keybearer/secret-passthrough";
import { createSeal, SecretError, systemClock, type Credential, type SecretVersion } from "@keybearer/secrets";
import { sealFromChannel, type OpenVersion } from "../key-channel.ts";
import type { CredentialRecord, KeyRecord, KeyUpdate } from "./messages.ts";

export interface Credentials {
  get(id: string): Credential | undefined;
  /** News of a key from the main thread. */
  update(update: KeyUpdate): void;
  readonly keyrings: readonly Keyring[];
}

export interface CredentialOptions {
  readonly fingerprintKey: string | undefined;
  /** Shared by all threads, and over reloads. */
  readonly state: KeyState;
  readonly minimumHealthy: number;
  /** Asks the main thread to read a key again. False: there is nothing newer. */
  readonly renew: (id: string, rejected: number | undefined) => Promise<boolean>;
  readonly alert: (alert: KeyAlert) => void;
}

export function createCredentials(records: readonly CredentialRecord[], options: CredentialOptions): Credentials {
  const keys = new Map<string, RemoteKey>();
  const keyrings: Keyring[] = [];
  const credentials = new Map<string, Credential>();
  for (const record of records) {
    if (record.kind !== "keyring") continue;
    const keyring = createKeyring({
      keys: record.keys.map((key) => {
        const handle = new RemoteKey(key, options);
        keys.set(key.id, handle);
        return { ...key, handle };
      }),
      strategy: record.strategy,
      state: options.state,
      clock: systemClock,
      random: Math.random,
      onAlert: options.alert,
      minimumHealthy: Math.min(options.minimumHealthy, record.keys.length),
    });
    keyrings.push(keyring);
    credentials.set(record.id, keyring);
  }
  for (const record of records) {
    if (record.kind === "passthrough") credentials.set(record.id, passthrough(record, credentials, options));
  }
  return { get: (id) => credentials.get(id), update: (update) => keys.get(update.id)?.update(update), keyrings };
}

function passthrough(
  { name, from, otherwise }: Extract<CredentialRecord, { kind: "passthrough" }>,
  credentials: ReadonlyMap<string, Credential>,
  { fingerprintKey }: CredentialOptions,
): Credential {
  const own = passthroughCredential({
    name,
    from,
    seal: createSeal({ source: "passthrough", clock: systemClock, fingerprintKey }),
  });
  const fallback = otherwise === undefined ? undefined : credentials.get(otherwise);
  if (!fallback) return own;
  return {
    acquire(request, tried) {
      try {
        return own.acquire(request, tried);
      } catch (error) {
        // For a caller who sent none; one whose token is refused, or is no token, never spends ours.
        if (SecretError.is(error) && error.code === "SECRET_NOT_FOUND") return fallback.acquire(request, tried);
        throw error;
      }
    },
  };
}

/** A key whose handle lives in the main thread. */
class RemoteKey implements KeyHandle {
  readonly #id: string;
  readonly #source: string;
  readonly #renew: CredentialOptions["renew"];
  #current: SecretVersion | undefined;
  #previous: SecretVersion | undefined;

  constructor({ id, source, version, previous }: KeyRecord, { renew }: CredentialOptions) {
    this.#id = id;
    this.#source = source;
    this.#renew = renew;
    this.update({ id, version, previous });
  }

  current(): SecretVersion {
    const version = this.#current;
    if (version === undefined) throw new SecretError("SECRET_UNAVAILABLE", this.#source, "the key cannot be read");
    if (version.expiresAt !== undefined && version.expiresAt <= systemClock.now()) {
      throw new SecretError("SECRET_EXPIRED", this.#source, "the key has expired and no newer one was found");
    }
    return version;
  }

  previous(): SecretVersion | undefined {
    const version = this.#previous;
    return version?.expiresAt !== undefined && version.expiresAt <= systemClock.now() ? undefined : version;
  }

  async refresh({ rejected }: { readonly rejected?: number }): Promise<SecretVersion> {
    await this.#renew(this.#id, rejected);
    return this.current();
  }

  update({ version, previous }: KeyUpdate): void {
    this.#current = sealed(version, this.#current);
    this.#previous = sealed(previous, this.#previous);
  }
}

/** One version is one object, so that whoever compares need not look inside. */
function sealed(open: OpenVersion | undefined, known: SecretVersion | undefined): SecretVersion | undefined {
  return open && (open.id === known?.id && open.expiresAt === known.expiresAt ? known : sealFromChannel(open));
}
