/** The definitions of a serving thread, compiled: the one that serves, those that requests still run on, one to come. */
import type { Snapshot, TlsMaterial, UpstreamsLease } from "@keybearer/proxy";
import type { Credentials } from "./credentials.ts";

export interface GenerationParts {
  readonly snapshot: Snapshot;
  readonly credentials: Credentials;
  readonly upstreams: UpstreamsLease;
  readonly certificates: Map<string, TlsMaterial>;
}

export class Generation {
  readonly epoch: number;
  readonly snapshot: Snapshot;
  readonly credentials: Credentials;
  /** By id. */
  readonly certificates: Map<string, TlsMaterial>;
  readonly #upstreams: UpstreamsLease;
  /** Resolves when it serves. */
  readonly opened: PromiseWithResolvers<void> = Promise.withResolvers();
  #inFlight = 0;
  #idle: (() => void) | undefined;

  constructor(epoch: number, { snapshot, credentials, upstreams, certificates }: GenerationParts) {
    this.epoch = epoch;
    this.#upstreams = upstreams;
    this.snapshot = snapshot;
    this.credentials = credentials;
    this.certificates = certificates;
  }

  began(): void {
    this.#inFlight += 1;
  }

  ended(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  /** Resolves when the last request on it has ended. Asked once it serves no new ones. */
  untilIdle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#idle = resolve));
  }

  /** Nothing runs on it any more. Connections that no other generation has end. */
  end(): void {
    this.#upstreams.release();
  }
}

export class Generations {
  readonly #epochs: Int32Array;
  readonly #known = new Map<number, Generation>();
  /** By bind name: ports that the current definition has not, which serve those who are still connected. */
  readonly #leaving = new Map<string, Generation>();
  readonly #told = new WeakSet<Generation>();
  #current: Generation;

  constructor(epochs: Int32Array, first: Generation) {
    this.#epochs = epochs;
    this.#current = first;
    this.#known.set(first.epoch, first);
    first.opened.resolve();
  }

  add(generation: Generation): void {
    this.#known.set(generation.epoch, generation);
  }

  get(epoch: number): Generation | undefined {
    return this.#known.get(epoch);
  }

  putCertificate(id: string, material: TlsMaterial): void {
    for (const { certificates } of this.#known.values()) if (certificates.has(id)) certificates.set(id, material);
  }

  drop(epoch: number): void {
    this.#known.get(epoch)?.end();
    this.#known.delete(epoch);
  }

  /** On the way of every request: which serves one that begins now. */
  serving(bind: string): Generation {
    const epoch = Atomics.load(this.#epochs, 0);
    if (epoch !== this.#current.epoch) this.#advance(epoch);
    const current = this.#current;
    return current.snapshot.binds.has(bind) ? current : (this.#leaving.get(bind) ?? current);
  }

  /** Those that serve no more, now that this one does, unless they were returned before. */
  commit(epoch: number): Generation[] {
    this.#advance(epoch);
    this.#current.opened.resolve();
    const before = [...this.#known.values()].filter((known) => known.epoch < epoch && !this.#told.has(known));
    for (const generation of before) this.#told.add(generation);
    return before;
  }

  /** Its last connection has gone. */
  left(generation: Generation): void {
    for (const [bind, leaving] of this.#leaving) if (leaving === generation) this.#leaving.delete(bind);
    this.drop(generation.epoch);
  }

  #advance(epoch: number): void {
    const next = this.#known.get(epoch);
    // The cell gets no epoch that this thread has not prepared.
    if (!next || next === this.#current) return;
    for (const bind of this.#current.snapshot.binds.keys()) {
      if (!next.snapshot.binds.has(bind)) this.#leaving.set(bind, this.#current);
    }
    this.#current = next;
  }
}
