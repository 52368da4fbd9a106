/** A process of the benchmark's own that takes one command at a time and answers each. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { onCores } from "./cores.ts";

export interface Child<Command, Reply> {
  /** What it said first, when it was ready. */
  readonly greeting: Reply;
  readonly pid: number;
  /** Rejects when the process ends instead of answering. */
  ask(command: Command): Promise<Reply>;
  stop(): Promise<void>;
}

export async function startChild<Command extends object, Reply>(
  script: string,
  core: number | undefined,
  ...given: readonly string[]
): Promise<Child<Command, Reply>> {
  const [command = "", ...words] = onCores([core], [process.execPath, script, ...given]);
  const child = spawn(command, words, { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" });
  const ended = once(child, "exit");
  const next = async (): Promise<Reply> => {
    const [reply] = await Promise.race([
      once(child, "message"),
      ended.then(() => Promise.reject(new Error(`${script} has ended`))),
    ]);
    return reply;
  };
  return {
    greeting: await next(),
    pid: child.pid ?? 0,
    async ask(command) {
      const reply = next();
      child.send(command);
      return reply;
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}
