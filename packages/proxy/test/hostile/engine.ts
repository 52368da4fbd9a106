/** What the table is held against: an HTTP engine in front of an upstream. */
import { openAI } from "@keybearer/providers";
import { compileSnapshot, connectionPools, createProxy, createUpstreams, type Observer } from "@keybearer/proxy";
import { ai, host, match, route } from "../definitions.ts";
import { KEY, keyCredential } from "../start-proxy.ts";

export interface Engine {
  readonly name: string;
  /** `node:http` has rows of its own in the table of requests. */
  readonly server: "node:http" | "wire";
  /** `undici` has rows of its own in the table of responses. */
  readonly client: "undici" | "wire";
  /**
   * Starts on a free port of 127.0.0.1 before `upstream`. `/v1/` is an LLM provider, whose bodies are read;
   * everything else a plain backend, to which they are relayed as they come.
   */
  start(upstream: string): Promise<RunningEngine>;
}

export interface RunningEngine {
  readonly port: number;
  /** Faults of its own that it has met. None is right. */
  readonly faults: readonly unknown[];
  close(): Promise<void>;
}

export const nodeEngine = engine({ server: "node:http" });
export const wireEngine = engine({ server: "wire" });
export const wireClientEngine = engine({ client: "wire" });
export const allWireEngine = engine({ server: "wire", client: "wire" });

function engine({ server = "node:http", client = "undici" }: Partial<Pick<Engine, "server" | "client">>): Engine {
  return {
    name: `${server} with ${client}`,
    server,
    client,
    start: (upstream) => start(upstream, server, client),
  };
}

async function start(upstream: string, server: Engine["server"], client: Engine["client"]): Promise<RunningEngine> {
  const faults: unknown[] = [];
  const upstreams = createUpstreams(connectionPools({ engine: client === "wire" ? "wire" : "node" }));
  const routes = [
    route({
      name: "llm",
      matches: [match({ path: { pathPrefix: "/v1" } })],
      backends: [ai({ hostOverride: upstream })],
    }),
    route({ name: "plain", backends: [host({ host: upstream })] }),
  ];
  const bind = { name: "bind", port: 0, listeners: [{ name: "listener", routes }] };
  const key = keyCredential(KEY);
  const snapshot = compileSnapshot({ binds: [bind] }, { providers: [openAI], credential: () => key, upstreams });
  const proxy = createProxy({ observer: quiet(faults), snapshot, engine: server === "wire" ? "wire" : "node" });
  const { port } = await proxy.listen({ ...bind, address: "127.0.0.1" });
  return {
    port,
    faults,
    async close() {
      await proxy.close(0);
      await upstreams.close();
    },
  };
}

function quiet(faults: unknown[]): Observer {
  const nothing = (): void => undefined;
  return {
    finished: nothing,
    connectionOpened: nothing,
    connectionClosed: nothing,
    handshakeFailed: nothing,
    limited: nothing,
    debug: nothing,
    debugEnabled: false,
    fault: (error) => void faults.push(error),
  };
}
