/** For a channel between threads, which has revealed a version on one side and builds it again on the other. */
import type { SecretVersion } from "./contract.ts";
import { makeSecret, type Secret } from "./secret.ts";

export interface RevealedSecret {
  readonly value: string;
  readonly fingerprint: string;
}

/** A version laid open. Can be cloned, so keep it to the channel: no log, no error, no field of anything that lives. */
export interface RevealedVersion extends RevealedSecret {
  readonly id: number;
  readonly obtainedAt: number;
  readonly writtenAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly parts?: Readonly<Record<string, RevealedSecret>> | undefined;
}

/** Checks nothing: the text was checked where it was sealed first. */
export function resealVersion(revealed: RevealedVersion): SecretVersion {
  const { id, obtainedAt, writtenAt, expiresAt, parts } = revealed;
  return {
    id,
    secret: reseal(revealed),
    obtainedAt,
    ...(writtenAt === undefined ? {} : { writtenAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(parts === undefined ? {} : { parts: mapValues(parts, reseal) }),
  };
}

function reseal({ value, fingerprint }: RevealedSecret): Secret {
  return makeSecret(value, fingerprint);
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
