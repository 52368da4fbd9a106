/** The generator's process, seen from the benchmark. */
import { join } from "node:path";
import { startChild } from "../measure/child.ts";
import type { LoadCommand, LoadReply, Target } from "./contract.ts";

export interface Load {
  /** Opens the connections, does this with them, closes them. Throws where an answer was wrong or missing. */
  on<Result>(target: Target, use: (connections: Connections) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

export interface Connections {
  closedLoop(seconds: number, atLeast?: number): Promise<LoadReply>;
  paced(seconds: number, requestsPerSecond: number): Promise<LoadReply>;
  hold(): Promise<LoadReply>;
}

export async function startLoad(core: number | undefined): Promise<Load> {
  const child = await startChild<LoadCommand, LoadReply>(join(import.meta.dirname, "generator.ts"), core);
  const ask = async (command: LoadCommand) => {
    const reply = await child.ask(command);
    const faults = Object.entries(reply.faults).map(([fault, times]) => `${times} x ${fault}`);
    if (faults.length > 0) throw new Error(`wrong answers: ${faults.join(", ")}`);
    return reply;
  };
  return {
    async on(target, use) {
      try {
        await ask({ kind: "open", target });
        return await use({
          closedLoop: (seconds, atLeast = 0) => ask({ kind: "closedLoop", seconds, atLeast }),
          paced: (seconds, requestsPerSecond) => ask({ kind: "paced", seconds, requestsPerSecond }),
          hold: () => ask({ kind: "hold" }),
        });
      } finally {
        await child.ask({ kind: "close" });
      }
    },
    stop: () => child.stop(),
  };
}
