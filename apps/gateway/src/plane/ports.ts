/** The ports of a serving thread: opened for a definition, kept for the next, closed when it has them no more. */
import type { BindDefinition, Proxy } from "@keybearer/proxy";
import { bindIdentity } from "./bind-identity.ts";

type Server = Awaited<ReturnType<Proxy["listen"]>>;

/** A port that could not be had; `cause` is node's own error. */
export class PortFailure extends Error {
  readonly bind: string;

  constructor(bind: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.bind = bind;
  }
}

export class Ports {
  readonly #proxy: Proxy;
  readonly #reusePort: boolean;
  readonly #open = new Map<string, Server>();
  /** Opened for a definition that does not serve yet. */
  #coming: ReadonlyMap<string, Server> = new Map();

  constructor(proxy: Proxy, reusePort: boolean) {
    this.#proxy = proxy;
    this.#reusePort = reusePort;
  }

  /**
   * Opens those that are not open yet, all or none; requests there wait for `opened`. Returns the port of each by its
   * bind's name. Throws PortFailure.
   */
  async add(
    binds: readonly BindDefinition[],
    chosen: Readonly<Record<string, number>>,
    opened: Promise<void>,
  ): Promise<Record<string, number>> {
    const ports: Record<string, number> = {};
    const servers = new Map<string, Server>();
    this.#coming = servers;
    for (const bind of binds) {
      const identity = bindIdentity(bind);
      if (this.#open.has(identity)) continue;
      const port = chosen[bind.name] ?? bind.port;
      try {
        const server = await this.#proxy.listen(bind, { reusePort: this.#reusePort, port, opened });
        servers.set(identity, server);
        ports[bind.name] = server.port;
      } catch (error) {
        await this.undo();
        throw new PortFailure(bind.name, error);
      }
    }
    return ports;
  }

  /** Closes what was added last, at once. */
  async undo(): Promise<void> {
    const servers = [...this.#coming.values()];
    this.#coming = new Map();
    await Promise.all(servers.map((server) => server.close(0)));
  }

  /** Takes what was added for good. Those that are no port of these binds take no more; resolves when they have drained. */
  async keep(binds: readonly BindDefinition[], deadlineMs: number): Promise<void> {
    for (const [identity, server] of this.#coming) this.#open.set(identity, server);
    this.#coming = new Map();
    const kept = new Set(binds.map(bindIdentity));
    const leaving = [...this.#open].filter(([identity]) => !kept.has(identity));
    for (const [identity] of leaving) this.#open.delete(identity);
    await Promise.all(leaving.map(([, server]) => server.close(deadlineMs)));
  }
}
