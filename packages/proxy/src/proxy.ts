/** The data plane as one thing: ports, each served from the snapshot that is current when a request begins. */
import type { BindDefinition } from "./definition.ts";
import { handle, type Road } from "./handle.ts";
import { serve, type ListeningServer } from "./node-server.ts";
import type { Observer } from "./observer.ts";
import type { Snapshot } from "./snapshot.ts";

export interface ProxyOptions {
  readonly observer: Observer;
  readonly snapshot: Snapshot;
  /** 0 to 1; `Math.random` by default. Chooses among weighted backends. */
  readonly random?: () => number;
}

export interface Proxy {
  /** Rejects with node's own error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
  listen(
    bind: BindDefinition,
    options?: { readonly reusePort?: boolean; readonly port?: number },
  ): Promise<ListeningServer>;
  /** Requests that begin from now on are served from this snapshot; those in flight finish on theirs. */
  swap(snapshot: Snapshot): void;
  /** Stops accepting, lets requests in flight finish until the deadline, then cuts what is left. */
  close(deadlineMs: number): Promise<void>;
}

export function createProxy({ observer, snapshot, random = Math.random }: ProxyOptions): Proxy {
  const road: Road = { observer, random };
  const servers: ListeningServer[] = [];
  let current = snapshot;
  return {
    async listen({ name, port, address }, options = {}) {
      const server = await serve({
        port: options.port ?? port,
        address,
        reusePort: options.reusePort ?? false,
        handle: (exchange) => void handle(exchange, name, current, road),
        connectionOpened: () => observer.connectionOpened(name),
        connectionClosed: () => observer.connectionClosed(name),
        fault: (error) => observer.fault(error, ""),
      });
      servers.push(server);
      return server;
    },
    swap(next) {
      current = next;
    },
    async close(deadlineMs) {
      await Promise.all(servers.map((server) => server.close(deadlineMs)));
    },
  };
}
