/** Every credential of a config, each once, with the names that logs and metrics give its keys. */
import type {
  BackendAuth,
  KeyReference,
  KeyPolicy,
  KeyStrategy,
  Location,
  OwnKeys,
  Path,
  PlacedKey,
  PoolKey,
} from "@keybearer/config";
import type { CredentialDefinition, CredentialEntry } from "@keybearer/proxy";

/** One key, as it is to be opened. */
export interface KeyRequest {
  readonly id: string;
  readonly name: string;
  readonly path: Path;
  readonly reference: KeyReference;
  readonly policy: KeyPolicy;
  readonly previous: KeyReference | undefined;
}

/** One of several keys that stand in for each other. */
export interface RingMember
  extends KeyRequest, Partial<Pick<PoolKey, "weight" | "models" | "scope" | "maxConcurrent" | "requestsPerMinute">> {}

/** Keys of ours, of which a request gets one. */
export interface KeyringRequest {
  readonly kind: "keyring";
  readonly id: string;
  readonly strategy: KeyStrategy;
  readonly keys: readonly RingMember[];
}

/** The caller's own token. */
export interface PassthroughRequest {
  readonly kind: "passthrough";
  readonly id: string;
  readonly name: string;
  readonly path: Path;
  readonly from: Location | undefined;
  /** Id of the keyring for a caller who sent none. */
  readonly otherwise: string | undefined;
}

export type CredentialRequest = KeyringRequest | PassthroughRequest;

export class CredentialTable {
  readonly requests: CredentialRequest[] = [];
  readonly #byId = new Map<string, CredentialRequest>();
  readonly #timesUsed = new Map<string, number>();

  /** `name` is what its backend or route is called; one that is taken gets `#2`. A route's key for two backends is one key. */
  define(
    { path, key, pool, passthrough, credentials, allowCleartext }: BackendAuth,
    name: string,
  ): CredentialDefinition {
    const entries: CredentialEntry[] = [];
    const own = this.#ownKeys({ key, pool }, path, name);
    if (own !== undefined) entries.push({ id: own, location: key?.location ?? pool?.location });
    if (passthrough) {
      const { path: place, from, location, otherwise } = passthrough;
      const id = this.#once(`passthrough:${idOf(place)}`, (id) => ({
        kind: "passthrough",
        id,
        name: this.#unique(name),
        path: place,
        from,
        otherwise: otherwise && this.#ownKeys(otherwise, otherwise.path, `${name}/otherwise`),
      }));
      entries.push({ id, location, from });
    }
    for (const credential of credentials)
      entries.push({ id: this.#ring([credential], "ordered", credential.path, name), location: credential.location });
    return { entries, allowCleartext, choosesByBody: entries.some(({ id }) => this.#choosesByBody(id)) };
  }

  get(id: string): CredentialRequest | undefined {
    return this.#byId.get(id);
  }

  /** Whether an anonymous caller spends a key of ours there. */
  isOwn(id: string): boolean {
    const request = this.#byId.get(id);
    return request?.kind === "keyring" || request?.otherwise !== undefined;
  }

  /** Whether the body has a say in which key serves: by its model, or its conversation. */
  #choosesByBody(id: string): boolean {
    const request = this.#byId.get(id);
    if (request?.kind === "passthrough")
      return request.otherwise !== undefined && this.#choosesByBody(request.otherwise);
    return (
      request !== undefined && (request.keys.length > 1 || request.keys.some(({ models }) => models !== undefined))
    );
  }

  #ownKeys({ key, pool }: OwnKeys, path: Path, name: string): string | undefined {
    if (key) return this.#ring([key], "ordered", path, name);
    return pool && this.#ring(pool.keys, pool.strategy, pool.path, name);
  }

  #ring(keys: readonly (PlacedKey | PoolKey)[], strategy: KeyStrategy, path: Path, name: string): string {
    return this.#once(`keys:${idOf(path)}`, (id) => ({
      kind: "keyring",
      id,
      strategy,
      keys: keys.map((key, index) =>
        this.#member(key, `${id}/${index}`, givenName(key) ?? (keys.length === 1 ? name : `${name}-${index + 1}`)),
      ),
    }));
  }

  #member(key: PlacedKey | PoolKey, id: string, name: string): RingMember {
    const { reference, policy, previous } = key;
    const limits = "weight" in key ? key : undefined;
    return {
      id,
      name: this.#unique(name),
      path: reference.path,
      reference,
      policy,
      previous,
      ...(limits && {
        weight: limits.weight,
        models: limits.models,
        scope: limits.scope,
        maxConcurrent: limits.maxConcurrent,
        requestsPerMinute: limits.requestsPerMinute,
      }),
    };
  }

  #once(id: string, make: (id: string) => CredentialRequest): string {
    if (this.#byId.has(id)) return id;
    const request = make(id);
    this.#byId.set(id, request);
    this.requests.push(request);
    return id;
  }

  #unique(name: string): string {
    const times = (this.#timesUsed.get(name) ?? 0) + 1;
    this.#timesUsed.set(name, times);
    return times === 1 ? name : `${name}#${times}`;
  }
}

function givenName(key: PlacedKey | PoolKey): string | undefined {
  return "name" in key ? key.name : undefined;
}

function idOf(path: Path): string {
  return JSON.stringify(path);
}
