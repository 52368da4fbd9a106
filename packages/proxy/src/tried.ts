/** Which keys a request has used, and which versions of them: none is sent twice. */
import type { SecretVersion } from "@keybearer/secrets";
import type { PlacedKeys } from "./credential.ts";

/** Time is the bound for a source that rotates faster than it is asked; this one is for a source gone wild. */
const MOST_VERSIONS = 32;

export class Tried {
  /** Of keys that have no other version to give. */
  readonly names: string[] = [];
  /** Of the gateway's own keys, all that were sent. */
  readonly versions: SecretVersion[] = [];
  readonly #sent: { readonly name: string; readonly version: number }[] = [];

  /** False: this version of this key, or enough of its others, was sent before. */
  add({ facts, versions }: PlacedKeys): boolean {
    for (const version of versions) this.versions.push(version);
    if (!facts || !versions[0]) return true;
    const { name } = facts;
    const version = versions[0].id;
    let count = 0;
    for (const sent of this.#sent) {
      if (sent.name !== name) continue;
      if (sent.version === version || ++count >= MOST_VERSIONS) return false;
    }
    this.#sent.push({ name, version });
    return true;
  }

  /** Its keys may be sent once more: the provider failed for another reason. */
  forgive({ facts }: PlacedKeys): void {
    const last = this.#sent.findLastIndex(({ name }) => name === facts?.name);
    if (last !== -1) this.#sent.splice(last, 1);
  }

  /** All may. */
  forgiveAll(): void {
    this.names.length = 0;
    this.#sent.length = 0;
  }

  /** False: it was given up before, and its credential, which has no memory, gives it for ever. */
  giveUp({ facts }: PlacedKeys): boolean {
    const name = facts?.name ?? "";
    if (this.names.includes(name)) return false;
    this.names.push(name);
    return true;
  }
}
