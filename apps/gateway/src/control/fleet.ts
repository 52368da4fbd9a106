/** The serving threads together: started, kept alive, told, drained. */
import type { FromPlane, StartMessage, ToPlane } from "../plane/messages.ts";
import { GatewayError } from "../errors.ts";
import { portError } from "./ports.ts";
import { startInThread, startThread, type Thread } from "./thread.ts";

export interface FleetOptions {
  /** 0: in this thread. */
  readonly threads: number;
  /** Made anew for each thread, with the keys that are current then. */
  readonly start: () => StartMessage;
  readonly received: (message: Extract<FromPlane, { type: "access" | "log" | "metrics" }>, thread: string) => void;
  readonly died: (name: string, error: Error | undefined) => void;
}

export interface Fleet {
  /** By bind name. */
  readonly ports: Readonly<Record<string, number>>;
  tell(message: Exclude<ToPlane, StartMessage>): void;
  /** Resolves when each thread has sent its metrics, or after the time limit. */
  flush(limitMs: number): Promise<void>;
  /** Resolves when all have finished what was in flight. */
  drain(deadlineMs: number): Promise<void>;
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 10_000;
const SETTLED_MS = 5_000;
/** Beyond the deadline of a drain: for the thread to say goodbye. */
const GOODBYE_MS = 1_000;

/** Rejects with GatewayError when one of them cannot start. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const members = Array.from(
    { length: Math.max(1, options.threads) },
    (_, index) => new Member(`worker-${index + 1}`, options),
  );
  const started = await Promise.allSettled(members.map((member) => member.start()));
  const failure = started.find((result) => result.status === "rejected");
  if (failure) {
    for (const member of members) member.abandon();
    throw failure.reason;
  }
  const first = started[0];
  return {
    ports: first?.status === "fulfilled" ? first.value : {},
    tell: (message) => members.forEach((member) => member.tell(message)),
    flush: async (limitMs) => void (await Promise.all(members.map((member) => member.flush(limitMs)))),
    drain: async (deadlineMs) => void (await Promise.all(members.map((member) => member.drain(deadlineMs)))),
  };
}

class Member {
  readonly #name: string;
  readonly #options: FleetOptions;
  #thread: Thread | undefined;
  #ending = false;
  #startedAt = 0;
  #waitMs = FIRST_WAIT_MS;
  #listening: ((ports: Readonly<Record<string, number>>) => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;
  #flushed: (() => void) | undefined;
  #ended: (() => void) | undefined;

  constructor(name: string, options: FleetOptions) {
    this.#name = name;
    this.#options = options;
  }

  start(): Promise<Readonly<Record<string, number>>> {
    return new Promise((resolve, reject) => {
      this.#listening = resolve;
      this.#failed = reject;
      this.#spawn();
    });
  }

  tell(message: Exclude<ToPlane, StartMessage>): void {
    this.#thread?.post(message);
  }

  flush(limitMs: number): Promise<void> {
    if (!this.#thread) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, limitMs);
      this.#flushed = () => {
        clearTimeout(limit);
        resolve();
      };
      this.#thread?.post({ type: "flush" });
    });
  }

  drain(deadlineMs: number): Promise<void> {
    this.#ending = true;
    if (!this.#thread) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#thread?.terminate(), deadlineMs + GOODBYE_MS);
      this.#ended = () => {
        clearTimeout(limit);
        resolve();
      };
      this.#thread?.post({ type: "drain", deadlineMs });
    });
  }

  abandon(): void {
    this.#ending = true;
    this.#thread?.terminate();
  }

  #spawn(): void {
    const events = {
      message: (message: FromPlane) => this.#receive(message),
      exit: (error?: Error) => this.#exited(error),
    };
    this.#startedAt = performance.now();
    this.#thread = this.#options.threads === 0 ? startInThread(events) : startThread(this.#name, events);
    this.#thread.post(this.#options.start());
  }

  #receive(message: FromPlane): void {
    switch (message.type) {
      case "listening":
        this.#listening?.(message.ports);
        return;
      case "failed":
        this.#failed?.(this.#startError(message));
        return;
      case "drained":
        this.#ended?.();
        return;
      case "metrics":
        this.#options.received(message, this.#name);
        this.#flushed?.();
        return;
      case "access":
      case "log":
        this.#options.received(message, this.#name);
    }
  }

  #startError({ bind, code, message }: Extract<FromPlane, { type: "failed" }>): unknown {
    const definition = this.#options.start().definition.binds.find(({ name }) => name === bind);
    const cause = Object.assign(new Error(message), { code });
    const error = portError(cause, definition?.port ?? 0, definition?.address);
    return GatewayError.is(error) ? error : new GatewayError("WORKER_FAILED", message, { cause });
  }

  #exited(error: Error | undefined): void {
    this.#thread = undefined;
    this.#ended?.();
    this.#flushed?.();
    if (this.#ending) return;
    this.#failed?.(
      new GatewayError("WORKER_FAILED", `a serving thread ended at its start: ${error?.message ?? "no reason given"}`, {
        cause: error,
      }),
    );
    this.#options.died(this.#name, error);
    // The first time at once; one that dies again and again waits longer each time.
    const settled = performance.now() - this.#startedAt > SETTLED_MS;
    this.#waitMs = settled ? FIRST_WAIT_MS : Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    setTimeout(() => this.#spawn(), this.#waitMs);
  }
}
