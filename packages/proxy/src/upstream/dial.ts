/** Opens connections to one origin: TCP, with TLS where the origin has it, to whichever of its addresses answers first. */
import { isIP, type LookupFunction, type Socket } from "node:net";
import { buildConnector } from "undici";
import type { UpstreamTls } from "../definition.ts";
import type { Origin } from "../origin.ts";
import type { UpstreamLimits } from "./limits.ts";

/** `done` is called once, later, with one of the two. */
export type Dial = (done: (error: Error | null, socket: Socket | null) => void) => void;

export interface DialOptions {
  readonly origin: Origin;
  readonly tls: UpstreamTls | undefined;
  readonly limits: UpstreamLimits;
  readonly lookup: LookupFunction;
}

export function createDial({ origin, tls, limits, lookup }: DialOptions): Dial {
  const { connectTimeoutMs, keepAlive } = limits;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    keepAlive: false,
    lookup,
    ...(tls ? connectTls(tls) : {}),
  });
  const hostname = bareHost(origin);
  const target = {
    protocol: origin.protocol,
    hostname,
    host: origin.endpoint,
    port: String(origin.port),
    // The certificate is the origin's, whatever Host a request names.
    ...(isIP(hostname) ? {} : { servername: tls?.hostname ?? hostname }),
  };
  return (done) =>
    connect(target, (error, socket) => {
      if (keepAlive !== "off") socket?.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
      done(error, socket);
    });
}

/** An IPv6 address without its brackets. */
export function bareHost({ hostname }: Origin): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
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
