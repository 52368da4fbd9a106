/** Every credential of a config, each once, with the name that logs and metrics give it. */
import type { BackendAuth, KeyReference, Location, Path } from "@keybearer/config";
import type { CredentialDefinition, CredentialEntry } from "@keybearer/proxy";

export type CredentialRequest =
  | {
      readonly kind: "key";
      readonly id: string;
      readonly name: string;
      readonly path: Path;
      readonly reference: KeyReference;
    }
  | {
      readonly kind: "passthrough";
      readonly id: string;
      readonly name: string;
      readonly path: Path;
      readonly from: Location | undefined;
    };

export class CredentialTable {
  readonly requests: CredentialRequest[] = [];
  readonly #byPath = new Map<string, CredentialRequest>();
  readonly #timesUsed = new Map<string, number>();

  /** `name` is what its backend or route is called; one that is taken gets `#2`. A route's key for two backends is one key. */
  define({ key, passthrough, credentials, allowCleartext }: BackendAuth, name: string): CredentialDefinition {
    const entries: CredentialEntry[] = [];
    if (key) entries.push({ id: this.#key(key.reference, name), location: key.location });
    if (passthrough) {
      const { path, from, location } = passthrough;
      const request = this.#once(path, () => ({
        kind: "passthrough",
        id: `passthrough:${idOf(path)}`,
        name: this.#unique(name),
        path,
        from,
      }));
      entries.push({ id: request.id, location, from });
    }
    for (const { reference, location } of credentials) entries.push({ id: this.#key(reference, name), location });
    return { entries, allowCleartext };
  }

  get(id: string): CredentialRequest | undefined {
    return this.requests.find((request) => request.id === id);
  }

  #key(reference: KeyReference, name: string): string {
    const { path } = reference;
    return this.#once(path, () => ({ kind: "key", id: `key:${idOf(path)}`, name: this.#unique(name), path, reference }))
      .id;
  }

  #once(path: Path, make: () => CredentialRequest): CredentialRequest {
    const known = this.#byPath.get(idOf(path));
    if (known) return known;
    const request = make();
    this.#byPath.set(idOf(path), request);
    this.requests.push(request);
    return request;
  }

  #unique(name: string): string {
    const times = (this.#timesUsed.get(name) ?? 0) + 1;
    this.#timesUsed.set(name, times);
    return times === 1 ? name : `${name}#${times}`;
  }
}

function idOf(path: Path): string {
  return JSON.stringify(path);
}
