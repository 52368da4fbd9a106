/** The keys of a running gateway, as the main thread holds them: told to the serving threads, and read again when one asks. */
import {
  assignSlots,
  createKeyring,
  createKeyState,
  openKeyState,
  type KeyAlert,
  type Keyring,
  type KeyState,
} from "@keybearer/keyring";
import type { AiBackend, BackendGroups, GatewayDefinition } from "@keybearer/proxy";
import { handleIdentity, systemClock, type Key } from "@keybearer/secrets";
import { openForChannel, type OpenVersion } from "../key-channel.ts";
import type { CredentialRequest, RingMember } from "../load/credential-table.ts";
import type { Loaded, LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import type { CredentialRecord, EndpointsRecord, KeyRecord, KeyUpdate } from "../plane/messages.ts";

/** Keys, scopes and endpoints at once, those of an old config that drains included. */
const SLOTS = 4096;

export class KeyTable {
  /** For every thread. */
  readonly memory: SharedArrayBuffer;
  /** The main thread's own view; its column is the one after the threads'. */
  readonly state: KeyState;
  #slots: ReadonlyMap<string, number> = new Map();

  constructor(threads: number) {
    this.memory = createKeyState({ slots: SLOTS, workers: threads + 1, clock: systemClock });
    this.state = openKeyState(this.memory, threads);
  }

  /** What the threads are told of a config's credentials; `others`: those of configs that still drain keep their slots. */
  records(loaded: Loaded, others: readonly Loaded[] = []): CredentialRecord[] {
    const identities = [loaded, ...others].flatMap(({ credentials, definition }) => [
      ...credentials.flatMap(slotIdentities),
      ...groupsIn(definition).flatMap(({ groups }) => groups.flat().map(endpointIdentity)),
    ]);
    const { slots, fresh } = assignSlots(this.#slots, identities, SLOTS);
    for (const slot of fresh) this.state.resetSlot(slot);
    this.#slots = slots;
    const handles = new Map(loaded.keys.map(({ id, handle }) => [id, handle]));
    return loaded.credentials.map((request): CredentialRecord => {
      if (request.kind === "passthrough") {
        const { kind, id, name, from, otherwise } = request;
        return { kind, id, name, from, otherwise };
      }
      const { kind, id, strategy, keys } = request;
      return { kind, id, strategy, keys: keys.map((key) => this.#record(key, handles.get(key.id))) };
    });
  }

  /** What the threads are told of the endpoints of backends in groups. After `records`. */
  endpoints({ definition }: Loaded): EndpointsRecord[] {
    return groupsIn(definition).map(({ id, groups }) => ({
      id,
      tiers: groups.map((members) =>
        members.map((member) => ({ name: member.name, slot: this.#slots.get(endpointIdentity(member)) ?? 0 })),
      ),
    }));
  }

  /** The main thread's own keyrings over the same state, by id: to look at keys, and to have them checked. After `records`. */
  keyrings(
    { credentials, keys }: Loaded,
    minimumHealthy: number,
    onAlert: (alert: KeyAlert) => void,
  ): Map<string, Keyring> {
    const handles = new Map(keys.map(({ id, handle }) => [id, handle]));
    const rings = new Map<string, Keyring>();
    for (const request of credentials) {
      if (request.kind !== "keyring") continue;
      const members = request.keys.flatMap((key) => {
        const handle = handles.get(key.id);
        return handle ? [{ ...this.#settings(key), handle }] : [];
      });
      const { state } = this;
      const { strategy } = request;
      const common = { strategy, state, clock: systemClock, random: Math.random, onAlert };
      rings.set(
        request.id,
        createKeyring({ ...common, keys: members, minimumHealthy: Math.min(minimumHealthy, members.length) }),
      );
    }
    return rings;
  }

  #record(key: RingMember, handle: Key | undefined): KeyRecord {
    return { ...keyUpdate(key.id, handle), ...this.#settings(key) };
  }

  #settings(key: RingMember): Omit<KeyRecord, keyof KeyUpdate> {
    const { name, reference, weight, models, scope, maxConcurrent, requestsPerMinute } = key;
    return {
      name,
      source: reference.source,
      weight,
      models,
      scope,
      maxConcurrent,
      requestsPerMinute,
      slot: this.#slots.get(keyIdentity(key)) ?? 0,
      scopeSlot: scope === undefined ? undefined : this.#slots.get(scopeIdentity(scope)),
    };
  }
}

/** Calls back with each news of a key, until the returned function is called. */
export function watchKey({ id, handle }: LoadedKey, told: (update: KeyUpdate) => void): () => void {
  if (!handle) return () => undefined;
  const tell = (): void => told(keyUpdate(id, handle));
  const stops = [handle.subscribe(tell), handle.watchStatus(tell)];
  return () => {
    for (const stop of stops) stop();
  };
}

/** True: the source has a newer version than the rejected one. Never rejects: the handle's status tells why it could not be read. */
export async function renewKey(key: LoadedKey | undefined, rejected: number | undefined): Promise<boolean> {
  if (!key?.handle) return false;
  try {
    const { id } = await key.handle.refresh(rejected === undefined ? undefined : { rejected });
    return rejected === undefined || id > rejected;
  } catch {
    return false;
  }
}

function keyUpdate(id: string, handle: Key | undefined): KeyUpdate {
  const version = handle && versionNow(handle);
  const previous = handle?.previous();
  return { id, version: opened(version), previous: opened(previous) };
}

function opened(version: ReturnType<typeof versionNow>): OpenVersion | undefined {
  return version && openForChannel(version);
}

function slotIdentities(request: CredentialRequest): string[] {
  if (request.kind !== "keyring") return [];
  return request.keys.flatMap((key) => [
    keyIdentity(key),
    ...(key.scope === undefined ? [] : [scopeIdentity(key.scope)]),
  ]);
}

/** The same key of the same backend keeps what is known of it, wherever in the file it has moved. A digest: a ref may be a key. */
function keyIdentity({ name, reference }: RingMember): string {
  return handleIdentity("key", name, reference.source, reference.ref);
}

function groupsIn({ binds }: GatewayDefinition): BackendGroups[] {
  const routes = binds.flatMap(({ listeners }) => listeners.flatMap((listener) => listener.routes));
  return routes.flatMap(({ backends }) => backends.flatMap((each) => (each.kind === "groups" ? [each] : [])));
}

/** One address under one name, wherever it stands in the file. */
function endpointIdentity({ name, provider, hostOverride }: AiBackend): string {
  return JSON.stringify(["endpoint", name, provider, hostOverride]);
}

/** One account, whichever backends use it. */
function scopeIdentity(scope: string): string {
  return JSON.stringify(["scope", scope]);
}
