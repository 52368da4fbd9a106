/** One serving thread as the main thread sees it; or, with `workers: 0`, the same code in the caller's own thread. */
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import type { FromPlane, ToPlane } from "../plane/messages.ts";
import { workerUrl } from "../worker-url.ts";

export interface Thread {
  post(message: ToPlane): void;
  /** Ends it without waiting for anything. */
  terminate(): void;
}

export interface ThreadEvents {
  message(message: FromPlane): void;
  /** It ended, whether asked to or not. `error` is what it died of. */
  exit(error: Error | undefined): void;
}

/** Under load V8 would take three times as much, more than a thousand streams do, and be no faster for it. */
const YOUNG_GENERATION_MB = 48;

export function startThread(name: string, events: ThreadEvents): Thread {
  // No environment: what it holds is for the main thread to read, and keys may be in it.
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB };
  const worker = new Worker(workerUrl, { name, env: {}, argv: [], resourceLimits });
  let cause: Error | undefined;
  worker.on("message", (message: FromPlane) => events.message(message));
  worker.on("error", (error) => {
    cause = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => events.exit(cause));
  return { post: (message) => worker.postMessage(message), terminate: () => void worker.terminate() };
}

export function startInThread(events: ThreadEvents): Thread {
  const { port1, port2 } = new MessageChannel();
  // What is posted meanwhile waits in the channel. Where threads serve, this one does without the code.
  void import("../plane/data-plane.ts").then(({ runDataPlane }) => runDataPlane(port2));
  listen(port1, events);
  return {
    post: (message) => port1.postMessage(message),
    terminate: () => port1.close(),
  };
}

function listen(port: MessagePort, events: ThreadEvents): void {
  port.on("message", (message: FromPlane) => events.message(message));
  port.on("close", () => events.exit(undefined));
}
