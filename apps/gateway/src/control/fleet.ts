/** The serving threads together: started, kept alive, told, moved to another definition, drained. */
import type { PrepareMessage, StartMessage, ToPlane } from "../plane/messages.ts";
import { Member, type Report } from "./member.ts";
import { abandonAll, commitAll, prepareAll, type NewPorts, type Rollout } from "./rollout.ts";

export interface FleetOptions {
  /** 0: in this thread. */
  readonly threads: number;
  /** Made anew for each thread, with the keys that are current then. `worker` counts from 0. */
  readonly start: (worker: number) => StartMessage;
  /** `answer` reaches the thread that spoke. */
  readonly received: (
    message: Report,
    thread: string,
    answer: (message: Exclude<ToPlane, StartMessage>) => void,
  ) => void;
  readonly died: (name: string, worker: number, error: unknown) => void;
}

export interface Fleet {
  /** Once. Resolves with the port of each bind; rejects with GatewayError when one of the threads cannot start. */
  start(): Promise<NewPorts>;
  tell(message: Exclude<ToPlane, StartMessage>): void;
  /**
   * One at a time; resolves when ports that have gone take no more connections. Rejects with GatewayError or ThreadLost when
   * a thread cannot: all stay as they were.
   */
  rollOut(rollout: Rollout): Promise<void>;
  /** Resolves when no thread runs anything on this epoch's definition any more. */
  retired(epoch: number): Promise<void>;
  /** Resolves when each thread has sent its metrics, or after the time limit. */
  flush(limitMs: number): Promise<void>;
  /** Resolves when all have finished what was in flight. */
  drain(deadlineMs: number): Promise<void>;
}

export function createFleet(options: FleetOptions): Fleet {
  let pending: (() => PrepareMessage) | undefined;
  const members = Array.from({ length: Math.max(1, options.threads) }, (_, index) => {
    const member: Member = new Member({
      name: `worker-${index + 1}`,
      inThread: options.threads === 0,
      start: () => options.start(index),
      pending: () => pending?.(),
      received: (message) => options.received(message, member.name, (answer) => member.tell(answer)),
      died: (error) => options.died(member.name, index, error),
    });
    return member;
  });
  return {
    async start() {
      const started = await Promise.allSettled(members.map((member) => member.start()));
      const failure = started.find((result) => result.status === "rejected");
      if (failure) {
        for (const member of members) member.abandon();
        throw failure.reason;
      }
      const [first] = started;
      return first?.status === "fulfilled" ? first.value : {};
    },
    tell: (message) => members.forEach((member) => member.tell(message)),
    async rollOut(rollout) {
      pending = rollout.prepare;
      try {
        rollout.flip(await prepareAll(members, rollout));
      } catch (error) {
        pending = undefined;
        await abandonAll(members, rollout);
        throw error;
      }
      // In the same breath as the flip: a thread that starts now starts with this definition.
      pending = undefined;
      await commitAll(members, rollout);
    },
    retired: async (epoch) => void (await Promise.all(members.map((member) => member.answer(["retired"], epoch)))),
    flush: async (limitMs) => void (await Promise.all(members.map((member) => member.flush(limitMs)))),
    drain: async (deadlineMs) => void (await Promise.all(members.map((member) => member.drain(deadlineMs)))),
  };
}
