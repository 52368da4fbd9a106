/** Makes the connection pool of an origin, with its limits, its names resolved anew while it is in use. */
import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { Engine } from "../engine.ts";
import type { DispatcherFactory } from "../upstreams.ts";
import { AddressWatch } from "./addresses.ts";
import { ConnectionPool, type UpstreamObserver } from "./connection-pool.ts";
import { bareHost, type Dial, type DialOptions } from "./dial.ts";
import { upstreamLimits, type UpstreamLimits } from "./limits.ts";
import { ResolvedName } from "./resolved-name.ts";
import { undiciAttach } from "./undici-connection.ts";
import { createUndiciDial } from "./undici-dial.ts";
import { createWireDial, wireAttach } from "./wire-connection.ts";

/** All have a default. */
export interface ConnectionPoolsOptions {
  /** Whose client is upon the connections: that of @keybearer/wire (`wire`, the default), or undici's (`node`). */
  readonly engine?: Engine;
  readonly limits?: Partial<UpstreamLimits>;
  readonly observer?: UpstreamObserver;
  /** The system's by default. */
  readonly lookup?: LookupFunction;
  /** What opens connections; TCP and TLS by default. */
  readonly dial?: (options: DialOptions) => Dial;
  /** 0 to 1; `Math.random` by default. */
  readonly random?: () => number;
}

/** For `createUpstreams`: a pool of connections for each origin. */
export function connectionPools(options: ConnectionPoolsOptions = {}): DispatcherFactory {
  const { engine = "wire", observer, lookup = systemLookup, random = Math.random } = options;
  const createDial = options.dial ?? (engine === "wire" ? createWireDial : createUndiciDial);
  const limits = { ...upstreamLimits, ...options.limits };
  const clientLimits = {
    headBytes: limits.headBytes,
    headersTimeoutMs: limits.headerTimeoutMs,
    bodyTimeoutMs: limits.bodyTimeoutMs,
    idleTimeoutMs: limits.idleTimeoutMs,
  };
  return (origin, tls) => {
    const hostname = bareHost(origin);
    const name = new ResolvedName({ hostname, lookup, freshMs: limits.resolveIntervalMs });
    const connect = createDial({ origin, tls, limits, lookup: name.lookup });
    const dial: Dial = (done) =>
      connect((error, socket) => {
        if (error) name.doubt();
        done(error, socket);
      });
    const attach =
      engine === "wire"
        ? wireAttach(origin.url, clientLimits)
        : undiciAttach({ url: origin.url, limits: clientLimits, dial, servername: origin.hostname });
    const pool = new ConnectionPool({ origin, limits, dial, attach, observer });
    if (isIP(hostname) === 0) {
      pool.addresses = new AddressWatch({
        name,
        intervalMs: limits.resolveIntervalMs,
        random,
        isWanted: () => pool.size > 0,
        resolved: (addresses) => pool.keepOnly(addresses),
        failed: (error) => observer?.upstreamUnresolved(origin.endpoint, error),
      });
    }
    return pool;
  };
}
