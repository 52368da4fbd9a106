/** What a serving thread runs: compiles the definition, listens, serves, and reports to the control plane by message. */
import type { MessagePort } from "node:worker_threads";
import { compileSnapshot, createProxy, createUpstreams, type Observer, type Proxy } from "@keybearer/proxy";
import type { Credential } from "@keybearer/secrets";
import {
  accessLogLine,
  createLineBuffer,
  createLog,
  createRegistry,
  createRequestMetrics,
  type LineBuffer,
  type Log,
  type Registry,
} from "@keybearer/telemetry";
import { systemCode } from "../errors.ts";
import { providers } from "../implementations.ts";
import { createCredentials, type Credentials } from "./credentials.ts";
import type { FromPlane, Logging, StartMessage, ToPlane } from "./messages.ts";

const FLUSH_MS = 100;
const FLUSH_BYTES = 64 * 1024;
const METRICS_MS = 1000;

/** Runs until it is told to drain. Answers `listening` or `failed` to `start`. */
export function runDataPlane(port: Pick<MessagePort, "on" | "postMessage" | "close">): void {
  let plane: Plane | undefined;
  port.on("message", (message: ToPlane) => {
    if (message.type === "start") plane = new Plane(port, message);
    else plane?.receive(message);
  });
}

class Plane {
  readonly #port: Pick<MessagePort, "postMessage" | "close">;
  readonly #registry: Registry = createRegistry();
  readonly #credentials: Credentials;
  readonly #upstreams = createUpstreams();
  readonly #access: LineBuffer;
  readonly #log: Log;
  readonly #metricsTimer: NodeJS.Timeout;
  #proxy: Proxy | undefined;

  constructor(port: Pick<MessagePort, "postMessage" | "close">, start: StartMessage) {
    this.#port = port;
    this.#credentials = createCredentials(start.credentials, start.fingerprintKey);
    this.#access = createLineBuffer({
      write: (text) => this.#send({ type: "access", text }),
      flushMs: FLUSH_MS,
      maxBytes: FLUSH_BYTES,
    });
    this.#log = createLog({ ...start.logging, write: (text) => this.#send({ type: "log", text }) });
    this.#metricsTimer = setInterval(() => this.#sendMetrics(), METRICS_MS).unref();
    void this.#listen(start, (id) => this.#credentials.get(id));
  }

  receive(message: Exclude<ToPlane, StartMessage>): void {
    if (message.type === "key") this.#credentials.update(message.id, message.version);
    else if (message.type === "level") this.#log.level = message.level;
    else if (message.type === "flush") this.#flush();
    else void this.#drain(message.deadlineMs);
  }

  async #listen(
    { definition, ports, reusePort, logging }: StartMessage,
    credential: (id: string) => Credential | undefined,
  ): Promise<void> {
    let bindName: string | undefined;
    try {
      const snapshot = compileSnapshot(definition, { providers, credential, upstreams: this.#upstreams });
      this.#proxy = createProxy({ snapshot, observer: this.#observer(logging) });
      const listening: Record<string, number> = {};
      for (const bind of definition.binds) {
        bindName = bind.name;
        const server = await this.#proxy.listen(bind, { reusePort, port: ports[bind.name] ?? bind.port });
        listening[bind.name] = server.port;
      }
      this.#send({ type: "listening", ports: listening });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // In the caller's own thread, nothing else would give back the ports that it did get.
      await this.#stop(0);
      this.#send({ type: "failed", bind: bindName, code: systemCode(error), message });
    }
  }

  #observer({ format }: Logging): Observer {
    const metrics = createRequestMetrics(this.#registry);
    const log = this.#log;
    const access = this.#access;
    return {
      finished(record) {
        access.add(accessLogLine(record, format));
        metrics.record(record);
      },
      connectionOpened: (bind) => metrics.connectionOpened(bind),
      connectionClosed: (bind) => metrics.connectionClosed(bind),
      get debugEnabled() {
        return log.enabled("debug");
      },
      debug: (message, facts) => log.debug(message, facts),
      fault: (error, requestId) => log.error("a fault inside the gateway", { error, "request.id": requestId }),
    };
  }

  async #drain(deadlineMs: number): Promise<void> {
    await this.#stop(deadlineMs);
    this.#sendMetrics();
    this.#send({ type: "drained" });
    this.#port.close();
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#proxy?.close(deadlineMs);
    await this.#upstreams.close();
    clearInterval(this.#metricsTimer);
    this.#access.close();
  }

  #flush(): void {
    this.#sendMetrics();
    this.#send({ type: "flushed" });
  }

  #sendMetrics(): void {
    this.#send({ type: "metrics", delta: this.#registry.delta() });
  }

  #send(message: FromPlane): void {
    this.#port.postMessage(message);
  }
}
