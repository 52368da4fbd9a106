/** Turns a checked text into a version of a key. */
import type { KeyObject } from "node:crypto";
import { checkKey } from "./check.ts";
import type { Clock, SealOptions, SecretVersion } from "./contract.ts";
import { SecretError } from "./errors.ts";
import { fingerprintKey } from "./fingerprint.ts";
import { makeSecret, type Secret } from "./secret.ts";

export interface SealSettings {
  /** The source's word, for errors. */
  readonly source: string;
  readonly clock: Clock;
  /** Keys the fingerprint's HMAC; the published default if absent. */
  readonly fingerprintKey?: string | undefined;
}

export type Seal = (text: string, options?: SealOptions) => SecretVersion;

/** `context.seal` for one handle: its versions count from 1. Throws SecretError SECRET_EMPTY or SECRET_MALFORMED. */
export function createSeal(settings: SealSettings): Seal {
  const { source, clock } = settings;
  const key = fingerprintKey(settings.fingerprintKey);
  let id = 0;
  return (text, options) => {
    const secret = makeSecret(checkKey(source, text), key);
    const parts = options?.parts === undefined ? undefined : sealParts(source, options.parts, key);
    id += 1;
    return {
      id,
      secret,
      obtainedAt: clock.now(),
      ...(options?.writtenAt === undefined ? {} : { writtenAt: options.writtenAt }),
      ...(options?.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
      ...(parts === undefined ? {} : { parts }),
    };
  };
}

function sealParts(source: string, parts: Readonly<Record<string, string>>, key: KeyObject): Record<string, Secret> {
  const sealed: Record<string, Secret> = {};
  for (const [name, text] of Object.entries(parts)) {
    try {
      sealed[name] = makeSecret(checkKey(source, text), key);
    } catch (error) {
      throw SecretError.from(source, error).at(name);
    }
  }
  return sealed;
}
