/** One place in the fleet: the thread that fills it, and the next when that one dies. */
import type { FromPlane, PrepareMessage, StartMessage, ToPlane } from "../plane/messages.ts";
import { GatewayError } from "../errors.ts";
import { portError } from "./ports.ts";
import { startInThread, startThread, type Thread } from "./thread.ts";

/** What a thread says without being asked. */
export type Report = Extract<FromPlane, { type: "access" | "log" | "metrics" | "renew" | "alert" }>;

export interface MemberOptions {
  readonly name: string;
  /** Run in this thread instead of one of its own. */
  readonly inThread: boolean;
  /** Made anew for each thread, with the keys that are current then. */
  readonly start: () => StartMessage;
  /** What a thread that starts now has to prepare as well. */
  readonly pending: () => PrepareMessage | undefined;
  readonly received: (message: Report) => void;
  readonly died: (error: unknown) => void;
}

export type Answer = Extract<
  FromPlane,
  { readonly epoch: number; type: "prepared" | "refused" | "committed" | "retired" }
>;

const FIRST_WAIT_MS = 50;
/** With its start a thread is back within a second, however often it dies. */
const LONGEST_WAIT_MS = 800;
const SETTLED_MS = 5_000;
/** Beyond the deadline of a drain: for last words to clients, and for the thread to say goodbye. */
const GOODBYE_MS = 2_000;

export class Member {
  readonly name: string;
  readonly #options: MemberOptions;
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
  readonly #questions = new Set<{
    readonly matches: (answer: Answer) => boolean;
    readonly tell: (answer?: Answer) => void;
  }>();
  #drained: (() => void) | undefined;
  /** The thread's answer to what it prepares, if it has been told to; undefined when it ended before it answered. */
  preparing: Promise<Answer | undefined> | undefined;

  constructor(options: MemberOptions) {
    this.name = options.name;
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

  /** A thread that is being replaced is told when it starts. */
  prepare(message: PrepareMessage): void {
    this.preparing = this.#thread && this.ask(message, ["prepared", "refused"], message.epoch);
  }

  /** Resolves with undefined when the thread ends without an answer, or when there is none. */
  ask(
    message: Exclude<ToPlane, StartMessage>,
    types: readonly Answer["type"][],
    epoch: number,
  ): Promise<Answer | undefined> {
    const answer = this.answer(types, epoch);
    this.tell(message);
    return answer;
  }

  answer(types: readonly Answer["type"][], epoch: number): Promise<Answer | undefined> {
    if (!this.#thread) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#questions.add({
        matches: (answer) => answer.epoch === epoch && types.includes(answer.type),
        tell: resolve,
      });
    });
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
    const { name, inThread, start, pending } = this.#options;
    const events = {
      message: (message: FromPlane) => this.#receive(message),
      exit: (error?: Error) => this.#exited(error),
    };
    this.#startedAt = performance.now();
    this.#thread = inThread ? startInThread(events) : startThread(name, events);
    this.#thread.post(start());
    // Else the others would serve what this one has never heard of.
    const next = pending();
    if (next) this.prepare(next);
  }

  #receive(message: FromPlane): void {
    switch (message.type) {
      case "listening":
        this.#starting?.resolve(message.ports);
        this.#starting = undefined;
        return;
      case "failed":
        // A thread that cannot listen is of no use, and the next may be luckier.
        this.#failure = startError(message, this.#options.start());
        this.#thread?.terminate();
        return;
      case "prepared":
      case "refused":
      case "committed":
      case "retired":
        this.#answered(message);
        return;
      case "drained":
        this.#drained?.();
        return;
      case "flushed":
        this.#flushes.shift()?.();
        return;
      default:
        this.#options.received(message);
    }
  }

  #answered(answer: Answer): void {
    for (const question of this.#questions) {
      if (!question.matches(answer)) continue;
      this.#questions.delete(question);
      question.tell(answer);
    }
  }

  #exited(error: Error | undefined): void {
    const reason = this.#failure ?? error;
    this.#thread = undefined;
    this.#failure = undefined;
    this.#drained?.();
    for (const flushed of this.#flushes.splice(0)) flushed();
    for (const { tell } of this.#questions) tell();
    this.#questions.clear();
    if (this.#starting) {
      this.#starting.reject(GatewayError.is(reason) ? reason : endedAtStart(reason));
      return;
    }
    if (this.#ending) return;
    this.#options.died(reason);
    // The first time almost at once; one that dies again and again waits longer each time.
    if (performance.now() - this.#startedAt > SETTLED_MS) this.#waitMs = FIRST_WAIT_MS;
    this.#nextStart = setTimeout(() => this.#spawn(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** Why a thread cannot serve a definition, in an operator's words. */
export function startError(
  { bind, code, message }: Extract<FromPlane, { readonly code: string | undefined }>,
  { definition }: Pick<StartMessage, "definition">,
): GatewayError {
  const { port = 0, address } = definition.binds.find(({ name }) => name === bind) ?? {};
  const cause = Object.assign(new Error(message), { code });
  const error = portError(cause, port, address);
  return GatewayError.is(error) ? error : new GatewayError("WORKER_FAILED", message, { cause });
}

function endedAtStart(cause: unknown): GatewayError {
  const why = cause instanceof Error ? cause.message : "no reason given";
  return new GatewayError("WORKER_FAILED", `a serving thread ended at its start: ${why}`, { cause });
}
