/** A new definition for all serving threads at once: each prepares it, then one shared cell says that it serves. */
import type { GatewayDefinition } from "@keybearer/proxy";
import type { PrepareMessage } from "../plane/messages.ts";
import { startError, type Answer, type Member } from "./member.ts";

export interface Rollout {
  readonly epoch: number;
  readonly definition: GatewayDefinition;
  /** Made anew for each thread, with the keys that are current then. */
  readonly prepare: () => PrepareMessage;
  /** Called when every thread is prepared: from its return on, requests are served from this definition. */
  readonly flip: (ports: NewPorts) => void;
  /** For the connections of ports that it has not. */
  readonly deadlineMs: number;
}

/** By bind name: the ports of new binds. */
export type NewPorts = Readonly<Record<string, number>>;

/** A thread ended, or gave no answer, while it prepared; which may have had another reason. */
export class ThreadLost extends Error {
  override readonly name = "ThreadLost";
}

/** A thread that says nothing for so long is stuck, and must not keep a config from being loaded again. */
const ANSWER_LIMIT_MS = 30_000;

/**
 * Resolves when every thread is prepared, also those that started meanwhile. Throws GatewayError when one cannot serve the
 * definition, and ThreadLost.
 */
export async function prepareAll(members: readonly Member[], { definition, prepare }: Rollout): Promise<NewPorts> {
  for (const member of members) member.prepare(prepare());
  const ports: Record<string, number> = {};
  const heard = new Set<Promise<Answer | undefined>>();
  for (;;) {
    const waiting = members.filter(({ preparing }) => preparing && !heard.has(preparing));
    if (waiting.length === 0) return ports;
    const answers = waiting.map(async ({ name, preparing }) => {
      if (preparing) heard.add(preparing);
      return { name, answer: await preparing };
    });
    for (const { name, answer } of (await within(ANSWER_LIMIT_MS, Promise.all(answers))) ?? stuck(waiting)) {
      if (answer?.type === "refused") throw startError(answer, { definition });
      if (answer?.type !== "prepared")
        throw new ThreadLost(`${name} ended, or gave no answer, while it prepared the new config`);
      Object.assign(ports, answer.ports);
    }
  }
}

/** Resolves when none has a port of it open any more. */
export async function abandonAll(members: readonly Member[], { epoch }: Rollout): Promise<void> {
  const retired = members.map((member) => member.ask({ type: "abandon", epoch }, ["retired"], epoch));
  await within(ANSWER_LIMIT_MS, Promise.all(retired));
}

/** Resolves when ports that have gone take no more connections. */
export async function commitAll(members: readonly Member[], { epoch, deadlineMs }: Rollout): Promise<void> {
  const committed = members.map((member) => member.ask({ type: "commit", epoch, deadlineMs }, ["committed"], epoch));
  await within(ANSWER_LIMIT_MS, Promise.all(committed));
}

function stuck(members: readonly Member[]): { name: string; answer: undefined }[] {
  return members.map(({ name }) => ({ name, answer: undefined }));
}

async function within<Result>(limitMs: number, work: Promise<Result>): Promise<Result | undefined> {
  let limit: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    limit = setTimeout(() => resolve(undefined), limitMs);
  });
  const result = await Promise.race([work, over]);
  clearTimeout(limit);
  return result;
}
