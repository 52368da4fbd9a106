/** Opens connections to one origin: TCP, with TLS where the origin has it, to whichever of its addresses answers first. */
import { isIP, Socket, type LookupFunction } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { buildConnector } from "undici";
import type { UpstreamTls } from "../definition.ts";
import type { Origin } from "../origin.ts";
import type { UpstreamLimits } from "./limits.ts";

/** `done` is called once, later, with one of the two. What is returned, if it is, gives up: `done` is not called then. */
export type Dial = (done: (error: Error | null, socket: Socket | null) => void) => (() => void) | void;

export interface DialOptions {
  readonly origin: Origin;
  readonly tls: UpstreamTls | undefined;
  readonly limits: UpstreamLimits;
  readonly lookup: LookupFunction;
}

export function createUndiciDial({ origin, tls, limits, lookup }: DialOptions): Dial {
  const connect = buildConnector({
    timeout: limits.connectTimeoutMs,
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
  return (done) => {
    const opening: unknown = connect(target, (error, socket) => {
      if (socket) keepAlive(socket, limits);
      done(error, socket);
    });
    return () => void (opening instanceof Socket && opening.destroy());
  };
}

export function keepAlive(socket: Socket, { keepAlive: setting }: UpstreamLimits): void {
  if (setting !== "off") socket.setKeepAlive(true, setting.idleMs, setting.intervalMs, setting.probes);
}

/** An IPv6 address without its brackets. */
export function bareHost({ hostname }: Origin): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

type OriginTls = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "servername" | "rejectUnauthorized" | "checkServerIdentity"
>;

/** In the words of `tls.connect`. */
export function connectTls({ root, cert, key, hostname, insecure, insecureHost }: UpstreamTls): OriginTls {
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
