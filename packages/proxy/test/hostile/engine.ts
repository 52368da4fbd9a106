/** What the table is held against: an HTTP engine in front of an upstream. */
import { openAI } from "@keybearer/providers";
import { compileSnapshot, createProxy, createUpstreams, type Observer } from "@keybearer/proxy";
import { ai, host, match, route } from "../definitions.ts";
import { KEY, keyCredential } from "../start-proxy.ts";

export interface Engine {
  /** `node:http` and `undici` have rows of their own in the table. */
  readonly name: string;
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

export const nodeEngine: Engine = {
  name: "node:http",
  async start(upstream) {
    const faults: unknown[] = [];
    const upstreams = createUpstreams();
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
    const proxy = createProxy({ observer: quiet(faults), snapshot });
    const { port } = await proxy.listen({ ...bind, address: "127.0.0.1" });
    return {
      port,
      faults,
      async close() {
        await proxy.close(0);
        await upstreams.close();
      },
    };
  },
};

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
