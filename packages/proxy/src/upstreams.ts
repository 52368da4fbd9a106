/** The far side's connections: one undici pool for each origin and TLS setting, shared by all backends that go there. */
import { Pool, type Dispatcher } from "undici";
import type { UpstreamTls } from "./definition.ts";
import type { Origin } from "./origin.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 90_000;
/** A model may think for minutes before it says its first word; the official clients wait ten. */
const HEAD_TIMEOUT_MS = 600_000;
const BETWEEN_BYTES_TIMEOUT_MS = 300_000;
const MAX_CONNECTIONS = 1024;

/** Makes the dispatcher for an origin: undici's Pool, or what a test or an embedder puts in its place. */
export type DispatcherFactory = (origin: Origin, tls: UpstreamTls | undefined) => Dispatcher;

export interface Upstreams {
  dispatcher(origin: Origin, tls: UpstreamTls | undefined): Dispatcher;
  /** Ends idle connections and cuts the others. */
  close(): Promise<void>;
}

export function createUpstreams(make: DispatcherFactory = makePool): Upstreams {
  const pools = new Map<string, Dispatcher>();
  return {
    dispatcher(origin, tls) {
      const identity = JSON.stringify([origin.url, tls ?? null]);
      let pool = pools.get(identity);
      if (!pool) {
        pool = make(origin, tls);
        pools.set(identity, pool);
      }
      return pool;
    },
    async close() {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy(null)));
    },
  };
}

function makePool(origin: Origin, tls: UpstreamTls | undefined): Dispatcher {
  return new Pool(origin.url, {
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    headersTimeout: HEAD_TIMEOUT_MS,
    bodyTimeout: BETWEEN_BYTES_TIMEOUT_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(tls ? connectTls(tls) : {}) },
  });
}

function connectTls({ root, cert, key, hostname, insecure, insecureHost }: UpstreamTls): Record<string, unknown> {
  return {
    ...(root === undefined ? {} : { ca: root }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(hostname === undefined ? {} : { servername: hostname }),
    ...(insecure ? { rejectUnauthorized: false } : {}),
    // Undefined is tls's word for "the name is right".
    ...(insecureHost ? { checkServerIdentity: () => undefined } : {}),
  };
}
