/** The Secrets of a stand-in cluster: objects, resource versions, and a history that can be forgotten. */

export interface StoredSecret {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly managedFields: readonly ManagedFields[];
    readonly [more: string]: unknown;
  };
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

interface ManagedFields {
  readonly time: string;
  readonly fieldsV1: { readonly "f:data": Readonly<Record<string, object>> };
  readonly [more: string]: unknown;
}

export interface StoredEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly object: StoredSecret;
}

export class Store {
  /** Of the newest change to anything; an etcd revision in a real cluster. */
  version = 1_000;
  /** Of what is written from now on: seconds are what Kubernetes keeps. */
  time = "2026-11-24T10:00:00Z";
  /** What happened up to here is forgotten. */
  forgotten = 0;
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #history: StoredEvent[] = [];
  readonly #listeners = new Set<(event: StoredEvent) => void>();

  get(namespace: string, name: string): StoredSecret | undefined {
    return this.#secrets.get(`${namespace}/${name}`);
  }

  list(namespace: string, name?: string): StoredSecret[] {
    return [...this.#secrets.values()].filter(
      ({ metadata }) => metadata.namespace === namespace && (name === undefined || metadata.name === name),
    );
  }

  /** Base64 is made here; `null` takes a field away. */
  put(namespace: string, name: string, data: Readonly<Record<string, string>>): StoredSecret {
    const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    return this.putEncoded(namespace, name, Object.fromEntries(encoded));
  }

  putEncoded(namespace: string, name: string, data: Readonly<Record<string, string>>): StoredSecret {
    const before = this.get(namespace, name);
    const version = (this.version += 1);
    const object: StoredSecret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name,
        namespace,
        uid: before?.metadata.uid ?? `00000000-0000-4000-8000-${String(version).padStart(12, "0")}`,
        resourceVersion: String(version),
        creationTimestamp: before?.metadata.creationTimestamp ?? this.time,
        managedFields: this.#managed(before, data),
      },
      type: "Opaque",
      data,
    };
    this.#secrets.set(`${namespace}/${name}`, object);
    this.#tell({ type: before === undefined ? "ADDED" : "MODIFIED", version, object });
    return object;
  }

  /** One writer, `test`, for each field: its time is that of the last change of the field. */
  #managed(before: StoredSecret | undefined, data: Readonly<Record<string, string>>): readonly ManagedFields[] {
    return Object.entries(data).map(([key, value]) => {
      const kept = before?.metadata.managedFields.find((each) => `f:${key}` in each.fieldsV1["f:data"]);
      const time = kept !== undefined && before?.data[key] === value ? kept.time : this.time;
      const fieldsV1 = { "f:data": { [`f:${key}`]: {} } };
      return { manager: `test-${key}`, operation: "Update", apiVersion: "v1", time, fieldsType: "FieldsV1", fieldsV1 };
    });
  }

  remove(namespace: string, name: string): StoredSecret | undefined {
    const before = this.get(namespace, name);
    if (before === undefined) return undefined;
    this.#secrets.delete(`${namespace}/${name}`);
    const version = (this.version += 1);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#tell({ type: "DELETED", version, object });
    return before;
  }

  /** As a cluster does every few minutes. Something unrelated has happened meanwhile. */
  forget(): void {
    this.forgotten = this.version += 1;
    this.#history.length = 0;
  }

  since(version: number): StoredEvent[] {
    return this.#history.filter((event) => event.version > version);
  }

  listen(listener: (event: StoredEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
