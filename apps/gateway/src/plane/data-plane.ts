/** What a serving thread runs: compiles definitions, listens, serves, and reports to the control plane by message. */
import type { MessagePort } from "node:worker_threads";
import { createEndpoints, openKeyState, type Endpoints, type KeyState } from "@keybearer/keyring";
import {
  compileSnapshot,
  connectionPools,
  createProxy,
  createUpstreams,
  type BindDefinition,
  type DispatcherFactory,
  type Proxy,
  type Upstreams,
} from "@keybearer/proxy";
import { systemClock } from "@keybearer/secrets";
import { createLineBuffer, createLog, createRegistry, type LineBuffer, type Log } from "@keybearer/telemetry";
import { sharesIn } from "../budgets.ts";
import { systemCode } from "../errors.ts";
import { providers } from "../providers.ts";
import { createCredentials } from "./credentials.ts";
import { loadDispatchers } from "./dispatcher-module.ts";
import { Generation, Generations } from "./generations.ts";
import type { EndpointsRecord, FromPlane, PrepareMessage, StartMessage, ToPlane } from "./messages.ts";
import { createObserver } from "./observer.ts";
import { PortFailure, Ports } from "./ports.ts";
import { Renewals } from "./renewals.ts";

const FLUSH_MS = 100;
/** A message costs as much as a hundred lines. */
const FLUSH_BYTES = 256 * 1024;
const METRICS_MS = 1000;

/** Runs until it is told to drain. Answers `listening` or `failed` to `start`. */
export function runDataPlane(port: Pick<MessagePort, "on" | "postMessage" | "close">): void {
  let plane: Plane | undefined;
  const waiting: AfterStart[] = [];
  const begin = async (start: StartMessage): Promise<void> => {
    plane = new Plane(
      port,
      start,
      start.dispatcher === undefined ? undefined : await loadDispatchers(start.dispatcher),
    );
    for (const message of waiting) plane.receive(message);
  };
  port.on("message", (message: ToPlane) => {
    if (message.type === "start") void begin(message);
    else if (plane) plane.receive(message);
    else waiting.push(message);
  });
}

type AfterStart = Exclude<ToPlane, StartMessage>;

interface Serving {
  readonly generations: Generations;
  readonly proxy: Proxy;
  readonly ports: Ports;
}

class Plane {
  readonly #port: Pick<MessagePort, "postMessage" | "close">;
  readonly #start: StartMessage;
  readonly #registry = createRegistry();
  readonly #observer: ReturnType<typeof createObserver>;
  readonly #upstreams: Upstreams;
  readonly #access: LineBuffer;
  readonly #log: Log;
  readonly #metricsTimer: NodeJS.Timeout;
  readonly #keyState: KeyState;
  readonly #renewals: Renewals;
  #ticketKey: Uint8Array;
  /** Undefined: it could not start. */
  readonly #serving: Serving | undefined;
  /** Ports are opened and closed by one message after the other. */
  #turn: Promise<void>;

  constructor(
    port: Pick<MessagePort, "postMessage" | "close">,
    start: StartMessage,
    dispatchers: DispatcherFactory | undefined,
  ) {
    this.#port = port;
    this.#start = start;
    this.#access = createLineBuffer({
      write: (lines) => this.#port.postMessage({ type: "access", lines } satisfies FromPlane, [lines.buffer]),
      flushMs: FLUSH_MS,
      maxBytes: FLUSH_BYTES,
    });
    this.#log = createLog({ ...start.logging, write: (text) => this.#send({ type: "log", text }) });
    const parts = { registry: this.#registry, access: this.#access, log: this.#log };
    this.#observer = createObserver({ ...parts, format: start.logging.format });
    this.#upstreams = createUpstreams(
      dispatchers ?? connectionPools({ engine: start.engine, limits: start.upstreamLimits, observer: this.#observer }),
    );
    this.#ticketKey = start.ticketKey;
    this.#keyState = openKeyState(start.keyState, start.worker);
    this.#renewals = new Renewals((question) => this.#send({ type: "renew", ...question }));
    this.#metricsTimer = setInterval(() => this.#sendMetrics(), METRICS_MS).unref();
    try {
      this.#serving = this.#begin();
      this.#turn = this.#listen(this.#serving);
    } catch (error) {
      this.#turn = this.#fail(error);
    }
  }

  receive(message: AfterStart): void {
    switch (message.type) {
      case "key":
        this.#serving?.generations.get(message.epoch)?.credentials.update(message);
        return;
      case "certificate":
        this.#serving?.generations.putCertificate(message.id, message.material);
        return;
      case "ticketKey":
        this.#ticketKey = message.ticketKey;
        return;
      case "renewed":
        this.#renewals.answered(message);
        return;
      case "level":
        this.#log.level = message.level;
        return;
      case "flush":
        this.#sendMetrics();
        this.#send({ type: "flushed" });
        return;
      case "prepare":
        this.#prepare(message);
        return;
      case "commit":
        this.#turn = this.#turn.then(() => this.#commit(message));
        return;
      case "abandon":
        this.#turn = this.#turn.then(() => this.#abandon(message.epoch));
        return;
      case "drain":
        this.#turn = this.#turn.then(() => this.#drain(message.deadlineMs));
    }
  }

  #begin(): Serving {
    const { epochs, reusePort, budgets, worker, replayBudgetBytes, bodyBudgetBytes } = this.#start;
    const first = this.#compile(this.#start);
    const generations = new Generations(epochs, first);
    const proxy = createProxy({
      engine: this.#start.engine,
      snapshot: first.snapshot,
      replayBudgetBytes,
      bodyBudgetBytes,
      budgetShares: sharesIn(budgets, worker),
      current: (bind) => generations.serving(bind),
      observer: this.#observer,
    });
    return { generations, proxy, ports: new Ports(proxy, reusePort) };
  }

  #compile(message: StartMessage | PrepareMessage): Generation {
    const { epoch, definition, credentials: records, endpoints } = message;
    const { fingerprintKey, minimumHealthy } = this.#start;
    const credentials = createCredentials(records, {
      fingerprintKey,
      minimumHealthy,
      state: this.#keyState,
      renew: (id, rejected) => this.#renewals.ask(epoch, id, rejected),
      alert: (alert) => this.#send({ type: "alert", alert }),
    });
    const rings = new Map(endpoints.map(({ id, tiers }) => [id, this.#createEndpoints(tiers)]));
    const certificates = new Map(message.certificates.map(({ id, material }) => [id, material]));
    const upstreams = this.#upstreams.lease();
    try {
      const snapshot = compileSnapshot(definition, {
        providers,
        credential: (id) => credentials.get(id),
        endpoints: (id) => rings.get(id),
        upstreams,
        tls: { material: (id) => certificates.get(id), ticketKey: () => this.#ticketKey },
      });
      return new Generation(epoch, { snapshot, credentials, upstreams, certificates });
    } catch (error) {
      upstreams.release();
      throw error;
    }
  }

  #createEndpoints(tiers: EndpointsRecord["tiers"]): Endpoints {
    return createEndpoints({ tiers, state: this.#keyState, clock: systemClock, random: Math.random });
  }

  async #listen({ ports }: Serving): Promise<void> {
    const { definition, ports: chosen } = this.#start;
    try {
      const listening = await ports.add(definition.binds, chosen, Promise.resolve());
      void ports.keep(definition.binds, 0);
      this.#send({ type: "listening", ports: listening });
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<void> {
    // In the caller's own thread, nothing else would give back the ports that it did get.
    await this.#stop(0);
    this.#send({ type: "failed", ...reasonOf(error) });
  }

  /** Compiled at once, so that new versions of its keys find it; its ports when their turn comes. */
  #prepare(message: PrepareMessage): void {
    const { epoch, definition, ports: chosen } = message;
    const serving = this.#serving;
    if (!serving) return;
    const refuse = (error: unknown): void => {
      serving.generations.drop(epoch);
      this.#send({ type: "refused", epoch, ...reasonOf(error) });
    };
    try {
      serving.generations.add(this.#compile(message));
    } catch (error) {
      refuse(error);
      return;
    }
    const opened = serving.generations.get(epoch)?.opened.promise ?? Promise.resolve();
    const open = async (): Promise<void> => {
      try {
        const ports = await serving.ports.add(definition.binds, chosen, opened);
        this.#send({ type: "prepared", epoch, ports });
      } catch (error) {
        refuse(error);
      }
    };
    this.#turn = this.#turn.then(open);
  }

  #commit({ epoch, deadlineMs }: Extract<ToPlane, { type: "commit" }>): void {
    const { generations, ports } = this.#serving ?? {};
    const next = generations?.get(epoch);
    if (!generations || !ports || !next) return;
    const before = generations.commit(epoch);
    const drained = ports.keep(bindsOf(next), deadlineMs);
    this.#send({ type: "committed", epoch });
    const retire = async (generation: Generation): Promise<void> => {
      await Promise.all([drained, generation.untilIdle()]);
      generations.left(generation);
      this.#send({ type: "retired", epoch: generation.epoch });
    };
    for (const generation of before) void retire(generation);
  }

  async #abandon(epoch: number): Promise<void> {
    await this.#serving?.ports.undo();
    this.#serving?.generations.drop(epoch);
    this.#send({ type: "retired", epoch });
  }

  async #drain(deadlineMs: number): Promise<void> {
    await this.#stop(deadlineMs);
    this.#sendMetrics();
    this.#send({ type: "drained" });
    this.#port.close();
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#serving?.ports.undo();
    await this.#serving?.proxy.close(deadlineMs);
    await this.#upstreams.close();
    clearInterval(this.#metricsTimer);
    this.#access.close();
  }

  #sendMetrics(): void {
    this.#send({ type: "metrics", delta: this.#registry.delta() });
  }

  #send(message: FromPlane): void {
    this.#port.postMessage(message);
  }
}

function bindsOf({ snapshot }: Generation): BindDefinition[] {
  return [...snapshot.binds.values()].map(({ definition }) => definition);
}

function reasonOf(error: unknown): { bind: string | undefined; code: string | undefined; message: string } {
  const { bind, cause } = error instanceof PortFailure ? error : { bind: undefined, cause: error };
  return { bind, code: systemCode(cause), message: error instanceof Error ? error.message : String(error) };
}
