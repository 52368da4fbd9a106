/** The credentials of a serving thread: keys that the main thread keeps current, and the callers' own tokens. */
import { passthroughCredential } from "@keybearer/secret-passthrough";
import { createSeal, handleCredential, Latest, systemClock, type Credential } from "@keybearer/secrets";
import { sealFromChannel, type OpenVersion } from "../key-channel.ts";
import type { CredentialRecord } from "./messages.ts";

export interface Credentials {
  get(id: string): Credential | undefined;
  update(id: string, version: OpenVersion): void;
}

export function createCredentials(
  records: readonly CredentialRecord[],
  fingerprintKey: string | undefined,
): Credentials {
  const latest = new Map<string, Latest>();
  const credentials = new Map<string, Credential>();
  for (const record of records) {
    if (record.kind === "passthrough") {
      const seal = createSeal({ source: "passthrough", clock: systemClock, fingerprintKey });
      credentials.set(record.id, passthroughCredential({ name: record.name, from: record.from, seal }));
    } else {
      // Nobody subscribes here: there is no listener to report of.
      const key = new Latest(sealFromChannel(record.version), {
        source: record.source,
        clock: systemClock,
        report: () => undefined,
      });
      latest.set(record.id, key);
      credentials.set(record.id, handleCredential({ name: record.name, source: record.source, handle: key }));
    }
  }
  return {
    get: (id) => credentials.get(id),
    update: (id, version) => void latest.get(id)?.set(sealFromChannel(version)),
  };
}
