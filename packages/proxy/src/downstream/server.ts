/** A port that is served: what any engine below it is given, and what it gives back. */
import type { AddressInfo, Server } from "node:net";
import type { Exchange } from "../exchange.ts";
import type { FrontendLimits, LimitName } from "../limits.ts";
import type { ClientCounts } from "./client-counts.ts";
import type { TlsOptions } from "./tls-front.ts";

export interface ServerOptions {
  readonly port: number;
  /** Undefined: every address, IPv6 and IPv4. */
  readonly address?: string | undefined;
  /** Several threads listen on one port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /** As they are now: asked whenever a connection begins, and once a second. */
  readonly limits: () => FrontendLimits;
  /** Of all ports together. */
  readonly clients: ClientCounts;
  readonly handle: (exchange: Exchange) => void;
  readonly isOverloaded: () => boolean;
  readonly limited: (limit: LimitName) => void;
  readonly connectionOpened: () => void;
  readonly connectionClosed: () => void;
  readonly tls: TlsOptions;
  /** A connection that the system could not accept. */
  readonly fault: (error: Error) => void;
}

export interface ListeningServer {
  readonly port: number;
  readonly address: string;
  /** Stops accepting, lets requests in flight finish until the deadline, then cuts what is left. Twice is the same as once. */
  close(deadlineMs: number): Promise<void>;
}

/** Rejects with node's own error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
export type Serve = (options: ServerOptions) => Promise<ListeningServer>;

/** How often it is looked whose time is up. */
export const CHECK_MS = 1000;

/** Opens the port and gives it back as one that `drain` closes, once. */
export async function listen(
  server: Server,
  options: ServerOptions,
  drain: (deadlineMs: number) => Promise<void>,
): Promise<ListeningServer> {
  await opened(server, options);
  server.on("error", options.fault);
  const { port, address } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    port,
    address,
    close(deadlineMs) {
      closing ??= drain(deadlineMs);
      return closing;
    },
  };
}

function opened(server: Server, { port, address, reusePort = false }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(address === undefined ? {} : { host: address }), reusePort, backlog: 1024 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
