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
  readonly died: (name: string, error: unknown) => void;
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
  #nextStart: NodeJS.Timeout | undefined;
  /** Until it listens for the first time. */
  #starting: PromiseWithResolvers<Readonly<Record<string, number>>> | undefined;
  /** Why it could not listen: it said so, and is being ended. */
  #failure: unknown;
  /** One for each flush that has no answer yet, in order. */
  readonly #flushes: (() => void)[] = [];
  #drained: (() => void) | undefined;

  constructor(name: string, options: FleetOptions) {
    this.#name = name;
    this.#options = options;
  }

  start(): Promise<Readonly<Record<string, number>>> {
    this.#starting = Promise.withResolvers();
    this.#spawn();
    return this.#starting.promise;
  }

  tell(message: Exclude<ToPlane, StartMessage>): void {
    this.#thread?.post(message);
  }

  flush(limitMs: number): Promise<void> {
    const thread = this.#thread;
    if (!thread) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, limitMs);
      this.#flushes.push(() => {
        clearTimeout(limit);
        resolve();
      });
      thread.post({ type: "flush" });
    });
  }

  drain(deadlineMs: number): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#nextStart);
    const thread = this.#thread;
    if (!thread) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = setTimeout(() => thread.terminate(), deadlineMs + GOODBYE_MS);
      this.#drained = () => {
        clearTimeout(limit);
        resolve();
      };
      thread.post({ type: "drain", deadlineMs });
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
        this.#starting?.resolve(message.ports);
        this.#starting = undefined;
        return;
      case "failed":
        // A thread that cannot listen is of no use, and the next may be luckier.
        this.#failure = this.#startError(message);
        this.#thread?.terminate();
        return;
      case "drained":
        this.#drained?.();
        return;
      case "flushed":
        this.#flushes.shift()?.();
        return;
      case "metrics":
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
    const reason = this.#failure ?? error;
    this.#thread = undefined;
    this.#failure = undefined;
    this.#drained?.();
    for (const flushed of this.#flushes.splice(0)) flushed();
    if (this.#starting) {
      this.#starting.reject(GatewayError.is(reason) ? reason : endedAtStart(reason));
      return;
    }
    if (this.#ending) return;
    this.#options.died(this.#name, reason);
    // The first time almost at once; one that dies again and again waits longer each time.
    if (performance.now() - this.#startedAt > SETTLED_MS) this.#waitMs = FIRST_WAIT_MS;
    this.#nextStart = setTimeout(() => this.#spawn(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }
}

function endedAtStart(cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : "no reason given";
  return new GatewayError("WORKER_FAILED", `a serving thread ended at its start: ${why}`, { cause });
}
