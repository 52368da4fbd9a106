/** The upstream's process, seen from the benchmark. */
import { join } from "node:path";
import { startChild } from "../measure/child.ts";
import type { AnswerMode, Arrival, UpstreamCommand, UpstreamReply } from "./contract.ts";

export interface Upstream {
  readonly port: number;
  answerWith(mode: AnswerMode): Promise<void>;
  /** The request that arrives while `act` runs. */
  arrivalDuring(act: () => Promise<unknown>): Promise<Arrival>;
  stop(): Promise<void>;
}

export async function startUpstream(core: number | undefined): Promise<Upstream> {
  const child = await startChild<UpstreamCommand, UpstreamReply>(join(import.meta.dirname, "server.ts"), core);
  if (!("port" in child.greeting)) throw new Error("the upstream did not tell its port");
  return {
    port: child.greeting.port,
    async answerWith(mode) {
      await child.ask({ kind: "answer", mode });
    },
    async arrivalDuring(act) {
      await child.ask({ kind: "keep" });
      await act();
      const reply = await child.ask({ kind: "kept" });
      if (!("arrival" in reply)) throw new Error("the upstream told of no request");
      return reply.arrival;
    },
    stop: () => child.stop(),
  };
}
