/** The config that runs, the one before it while requests still run on it, and how one takes the place of the other. */
import type { BindDefinition } from "@keybearer/proxy";
import { GatewayError } from "../errors.ts";
import type { Loaded } from "../load/load.ts";
import { bindIdentity } from "../plane/bind-identity.ts";
import type { LoadedPem } from "../load/tls-files.ts";
import type { CertificateRecord, FromPlane, PrepareMessage, StartMessage, ToPlane } from "../plane/messages.ts";
import type { Fleet } from "./fleet.ts";
import { renewKey, watchKey, type KeyTable } from "./key-table.ts";
import { findPorts } from "./ports.ts";
import { ThreadLost } from "./rollout.ts";

interface Generation {
  readonly epoch: number;
  readonly loaded: Loaded;
  /** Stops telling the threads of its keys. */
  unfollow: () => void;
}

type Parts = Pick<StartMessage, "epoch" | "definition" | "credentials" | "endpoints" | "certificates">;

export interface RunningConfigOptions {
  readonly keys: KeyTable;
  /** Whether several threads listen on each port, or one. */
  readonly threads: "one" | "several";
  readonly tell: (message: Extract<ToPlane, { type: "key" | "certificate" }>) => void;
  /** A backend has another certificate: its connections have to be made anew, and the config be loaded again for that. */
  readonly outdated: () => void;
}

export class RunningConfig {
  readonly #options: RunningConfigOptions;
  /** One cell, for every thread. */
  readonly #epochs = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  /** The one that runs, one that is being rolled out, and those that requests still run on. */
  readonly #generations = new Set<Generation>();
  #current: Generation;
  #lastEpoch = 0;
  #isListening = false;
  /** By bind name: where each listens. */
  #ports: Readonly<Record<string, number>> = {};

  constructor(first: Loaded, options: RunningConfigOptions) {
    this.#options = options;
    this.#current = this.#follow(first);
    Atomics.store(this.#epochs, 0, this.#current.epoch);
  }

  get loaded(): Loaded {
    return this.#current.loaded;
  }

  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  /** Once. Throws GatewayError for a port that cannot be had. */
  async start(fleet: Fleet): Promise<void> {
    this.#ports = await this.#choosePorts(this.loaded.definition.binds);
    this.#ports = await fleet.start();
    this.#isListening = true;
  }

  startParts(): Parts & Pick<StartMessage, "epochs" | "ports"> {
    const { epoch, loaded } = this.#current;
    // A thread that replaces another must get the port that the first was given.
    return { ...this.#parts(epoch, loaded), epochs: this.#epochs, ports: this.#ports };
  }

  /** Answers a thread that was refused with a key. */
  renew({ epoch, id, rejected }: Extract<FromPlane, { type: "renew" }>): Promise<boolean> {
    const generation = [...this.#generations].find((known) => known.epoch === epoch);
    const key = generation?.loaded.keys.find((known) => known.id === id);
    return renewKey(key, rejected);
  }

  /**
   * Serves every request that begins from now on from `next`; keys of the one before are released when its last request has
   * ended. Throws GatewayError when a thread cannot serve it: then nothing has changed, and `next` is still the caller's.
   */
  async replace(next: Loaded, fleet: Fleet, deadlineMs: number): Promise<void> {
    const chosen = await this.#choosePorts(next.definition.binds);
    try {
      await this.#rollOut(next, fleet, chosen, deadlineMs);
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error;
      // It may have died of a request, just then.
      await this.#rollOut(next, fleet, chosen, deadlineMs).catch((again: unknown) => {
        if (again instanceof ThreadLost) throw new GatewayError("WORKER_FAILED", again.message, { cause: again });
        throw again;
      });
    }
  }

  /** Lets go of every key. */
  async close(): Promise<void> {
    await Promise.all([...this.#generations].map((generation) => this.#release(generation)));
  }

  async #rollOut(
    next: Loaded,
    fleet: Fleet,
    chosen: Readonly<Record<string, number>>,
    deadlineMs: number,
  ): Promise<void> {
    const generation = this.#follow(next);
    const { epoch } = generation;
    const { definition } = next;
    const prepare = (): PrepareMessage => ({ type: "prepare", ...this.#parts(epoch, next), ports: chosen });
    const flip = (opened: Readonly<Record<string, number>>): void => {
      const before = this.#current;
      this.#current = generation;
      this.#ports = portsOf(definition.binds, { ...this.#ports, ...opened });
      Atomics.store(this.#epochs, 0, epoch);
      void fleet.retired(before.epoch).then(() => this.#release(before));
    };
    try {
      await fleet.rollOut({ epoch, definition, prepare, flip, deadlineMs });
    } catch (error) {
      generation.unfollow();
      this.#generations.delete(generation);
      throw error;
    }
  }

  #parts(epoch: number, loaded: Loaded): Parts {
    const others = [...this.#generations].map((generation) => generation.loaded).filter((other) => other !== loaded);
    const { keys } = this.#options;
    const credentials = keys.records(loaded, others);
    const certificates = listenerPems(loaded).map(certificateRecord);
    return { epoch, definition: loaded.definition, credentials, endpoints: keys.endpoints(loaded), certificates };
  }

  #follow(loaded: Loaded): Generation {
    const epoch = ++this.#lastEpoch;
    const stops = loaded.keys.map((key) =>
      watchKey(key, (update) => this.#options.tell({ type: "key", epoch, ...update })),
    );
    stops.push(...loaded.pems.map((pem) => this.#followPem(pem)));
    const unfollow = (): void => stops.forEach((stop) => stop());
    const generation = { epoch, loaded, unfollow };
    this.#generations.add(generation);
    return generation;
  }

  #followPem(pem: LoadedPem): () => void {
    const { tell, outdated } = this.#options;
    return pem.files.subscribe(() => {
      if (pem.use === "backend") outdated();
      else tell({ type: "certificate", ...certificateRecord(pem) });
    });
  }

  async #release(generation: Generation): Promise<void> {
    if (!this.#generations.delete(generation)) return;
    generation.unfollow();
    await generation.loaded.close();
  }

  /** For binds that are not open yet. Throws GatewayError for a port that another process has. */
  async #choosePorts(binds: readonly BindDefinition[]): Promise<Record<string, number>> {
    const open = new Set(this.#isListening ? this.loaded.definition.binds.map(bindIdentity) : []);
    const missing = binds.filter((bind) => !open.has(bindIdentity(bind)));
    // One of ours is moved to another address: it cannot be tried alone.
    const own = new Set(Object.values(this.#ports));
    // Where one thread listens, the system may choose for it.
    return findPorts(
      missing.filter(({ port }) => !own.has(port) && (port !== 0 || this.#options.threads === "several")),
    );
  }
}

function listenerPems({ pems }: Loaded): LoadedPem[] {
  return pems.filter(({ use }) => use === "listener");
}

function certificateRecord({ id, files }: LoadedPem): CertificateRecord {
  const { cert = "", key = "", root } = files.current;
  return { id, material: { cert, key, root } };
}

function portsOf(binds: readonly BindDefinition[], ports: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(binds.flatMap(({ name }) => (ports[name] === undefined ? [] : [[name, ports[name]]])));
}
