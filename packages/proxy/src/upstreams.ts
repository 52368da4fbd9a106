/** The far side's connections: one dispatcher for each origin and TLS setting, shared by all backends that go there. */
import type { Dispatcher } from "undici";
import type { UpstreamTls } from "./definition.ts";
import type { Origin } from "./origin.ts";
import { connectionPools } from "./upstream/connection-pools.ts";

/** Makes the dispatcher for an origin: a pool of connections, or what a test or an embedder puts in its place. */
export type DispatcherFactory = (origin: Origin, tls: UpstreamTls | undefined) => UpstreamDispatcher;

/** What of an undici Dispatcher is asked for. */
export type UpstreamDispatcher = Pick<Dispatcher, "dispatch" | "close" | "destroy">;

export interface Dispatchers {
  dispatcher(origin: Origin, tls: UpstreamTls | undefined): UpstreamDispatcher;
}

export interface Upstreams extends Dispatchers {
  /** Dispatchers for one snapshot. Each is destroyed with the last lease that has asked for it. */
  lease(): UpstreamsLease;
  /** Ends idle connections and cuts the others. */
  close(): Promise<void>;
}

export interface UpstreamsLease extends Dispatchers {
  /** When nothing is under way any more. Again: nothing. */
  release(): void;
}

interface Shared {
  readonly dispatcher: UpstreamDispatcher;
  readonly holders: Set<object>;
}

export function createUpstreams(make: DispatcherFactory = connectionPools()): Upstreams {
  const shared = new Map<string, Shared>();
  const take = (holder: object, origin: Origin, tls: UpstreamTls | undefined): UpstreamDispatcher => {
    const identity = JSON.stringify([origin.url, tls ?? null]);
    const known = shared.get(identity) ?? { dispatcher: make(origin, tls), holders: new Set() };
    known.holders.add(holder);
    shared.set(identity, known);
    return known.dispatcher;
  };
  const release = (holder: object): void => {
    for (const [identity, { dispatcher, holders }] of shared) {
      if (!holders.delete(holder) || holders.size > 0) continue;
      shared.delete(identity);
      void dispatcher.destroy(null);
    }
  };
  const upstreams: Upstreams = {
    dispatcher: (origin, tls) => take(upstreams, origin, tls),
    lease() {
      const lease: UpstreamsLease = {
        dispatcher: (origin, tls) => take(lease, origin, tls),
        release: () => release(lease),
      };
      return lease;
    },
    async close() {
      const open = [...shared.values()];
      shared.clear();
      await Promise.all(open.map(({ dispatcher }) => dispatcher.destroy(null)));
    },
  };
  return upstreams;
}
