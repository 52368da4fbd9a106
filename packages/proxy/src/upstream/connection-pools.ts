/** Makes the connection pool of an origin, with its limits, its names resolved anew while it is in use. */
import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { DispatcherFactory } from "../upstreams.ts";
import { AddressWatch } from "./addresses.ts";
import { ConnectionPool, type UpstreamObserver } from "./connection-pool.ts";
import { bareHost, createDial, type Dial, type DialOptions } from "./dial.ts";
import { upstreamLimits, type UpstreamLimits } from "./limits.ts";

/** A model may think for minutes before it says its first word; the official clients wait ten. */
const HEAD_TIMEOUT_MS = 600_000;
const BETWEEN_BYTES_TIMEOUT_MS = 300_000;

export interface ConnectionPoolsOptions {
  readonly limits?: Partial<UpstreamLimits>;
  readonly observer?: UpstreamObserver;
  /** The system's by default. */
  readonly lookup?: LookupFunction;
  /** What opens connections; TCP and TLS by default. */
  readonly dial?: (options: DialOptions) => Dial;
  /** 0 to 1; `Math.random` by default. */
  readonly random?: () => number;
}

export function connectionPools(options: ConnectionPoolsOptions = {}): DispatcherFactory {
  const { observer, lookup = systemLookup, dial = createDial, random = Math.random } = options;
  const limits = { ...upstreamLimits, ...options.limits };
  return (origin, tls) => {
    const pool = new ConnectionPool({
      origin,
      limits,
      dial: dial({ origin, tls, limits, lookup }),
      timeouts: { headersTimeout: HEAD_TIMEOUT_MS, bodyTimeout: BETWEEN_BYTES_TIMEOUT_MS },
      observer,
    });
    const hostname = bareHost(origin);
    if (isIP(hostname) === 0) {
      pool.addresses = new AddressWatch({
        hostname,
        lookup,
        intervalMs: limits.resolveIntervalMs,
        random,
        isWanted: () => pool.size > 0,
        resolved: (addresses) => pool.keepOnly(addresses),
      });
    }
    return pool;
  };
}
