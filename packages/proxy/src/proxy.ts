/** The data plane as one thing: ports, each served from the snapshot that is current when a request begins. */
import { ClientCounts } from "./downstream/client-counts.ts";
import { ByteBudget, type BudgetShare } from "./byte-budget.ts";
import type { BindDefinition } from "./definition.ts";
import type { Engine } from "./engine.ts";
import type { Exchange } from "./exchange.ts";
import type { Road } from "./handle.ts";
import { InFlight, type Serving } from "./in-flight.ts";
import { serveByNode } from "./downstream/node/server.ts";
import type { ListeningServer, Serve } from "./downstream/server.ts";
import { serveByWire } from "./downstream/wire/server.ts";
import type { Observer } from "./observer.ts";
import type { Snapshot } from "./snapshot.ts";
import { healingTimeouts, type HealingTimeouts } from "./timeouts.ts";

const REPLAY_BUDGET_BYTES = 256 * 1024 * 1024;
const BODY_BUDGET_BYTES = 1024 * 1024 * 1024;

const engines: Readonly<Record<Engine, Serve>> = { node: serveByNode, wire: serveByWire };

/** `observer` and `snapshot` are needed, all else has a default. */
export interface ProxyOptions {
  readonly observer: Observer;
  readonly snapshot: Snapshot;
  /** Asked at the beginning of each request which snapshot serves it; `snapshot` and `swap` count for nothing then. */
  readonly current?: (bind: string) => Serving;
  /** 0 to 1; `Math.random` by default. Chooses among weighted backends. */
  readonly random?: () => number;
  /** How many bytes of bodies are kept at once, to be sent again when a key is refused; 256 MiB by default. */
  readonly replayBudgetBytes?: number;
  /** How many bytes of bodies that are read whole are held at once, without the first 64 KiB of each; 1 GiB by default. */
  readonly bodyBudgetBytes?: number;
  /** Where threads that share the two budgets note what they hold. */
  readonly budgetShares?: { readonly replay: BudgetShare; readonly bodies: BudgetShare } | undefined;
  readonly healingTimeouts?: Partial<HealingTimeouts>;
  /** `wire` by default. */
  readonly engine?: Engine;
}

/** The data plane: ports that are served from a snapshot of the config. */
export interface Proxy {
  /**
   * Rejects with node's own error (`EADDRINUSE`, `EACCES`) when the port cannot be had. Requests that come before `opened`
   * is resolved wait for it.
   */
  listen(
    bind: BindDefinition,
    options?: { readonly reusePort?: boolean; readonly port?: number; readonly opened?: Promise<void> },
  ): Promise<ListeningServer>;
  /** Requests that begin from now on are served from this snapshot; those in flight finish on theirs. */
  swap(snapshot: Snapshot): void;
  /** Stops accepting, lets requests in flight finish until the deadline, then cuts what is left. */
  close(deadlineMs: number): Promise<void>;
}

/** Serves nothing until it listens. */
export function createProxy(options: ProxyOptions): Proxy {
  const { observer, snapshot, random = Math.random, budgetShares: shares } = options;
  const { replayBudgetBytes = REPLAY_BUDGET_BYTES, bodyBudgetBytes = BODY_BUDGET_BYTES } = options;
  const serve = engines[options.engine ?? "wire"];
  const road: Road = {
    observer,
    random,
    replayBudget: new ByteBudget(replayBudgetBytes, () => observer.limited("replay_budget"), shares?.replay),
    bodyBudget: new ByteBudget(bodyBudgetBytes, () => observer.limited("body_budget"), shares?.bodies),
    timeouts: { ...healingTimeouts, ...options.healingTimeouts },
  };
  const servers = new Set<ListeningServer>();
  const clients = new ClientCounts();
  const inFlight = new InFlight(road);
  let current = snapshot;
  const snapshotFor = (bind: string): Snapshot => options.current?.(bind).snapshot ?? current;
  const handshakeFailed = (bind: string, reason: string, clientAddress: string): void => {
    observer.handshakeFailed(bind);
    if (observer.debugEnabled)
      observer.debug("a TLS handshake failed", { gateway: bind, "src.addr": clientAddress, reason });
  };
  const answer = (exchange: Exchange, bind: string): Promise<void> => {
    const serving = options.current?.(bind);
    return inFlight.serve(exchange, bind, serving?.snapshot ?? current, serving);
  };
  return {
    async listen({ name, port, address }, { reusePort = false, port: actualPort = port, opened } = {}) {
      let waitFor = opened;
      void opened?.then(() => (waitFor = undefined));
      const server = await serve({
        port: actualPort,
        address,
        reusePort,
        handle: (exchange) => void (waitFor ? waitFor.then(() => answer(exchange, name)) : answer(exchange, name)),
        limits: () => snapshotFor(name).limits,
        clients,
        isOverloaded: () => inFlight.isFull(snapshotFor(name)),
        limited: (limit) => observer.limited(limit),
        connectionOpened: () => observer.connectionOpened(name),
        connectionClosed: () => observer.connectionClosed(name),
        tls: {
          acceptors: () => snapshotFor(name).binds.get(name)?.acceptors,
          handshakeTimeoutMs: () => snapshotFor(name).limits.handshakeTimeoutMs,
          opened,
          failed: (reason, clientAddress) => handshakeFailed(name, reason, clientAddress),
        },
        fault: (error) => observer.fault(error, ""),
      });
      servers.add(server);
      return {
        ...server,
        async close(deadlineMs) {
          await server.close(deadlineMs);
          servers.delete(server);
        },
      };
    },
    swap(next) {
      current = next;
    },
    async close(deadlineMs) {
      await Promise.all([...servers].map((server) => server.close(deadlineMs)));
    },
  };
}
