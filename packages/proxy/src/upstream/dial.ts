/** What opens connections to one origin, and what any way of it needs. */
import type { LookupFunction, Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
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
