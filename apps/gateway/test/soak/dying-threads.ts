/** Threads that name themselves in each answer, and die of an error when a request tells them to. */
import { Client } from "undici";
import { directoryOf } from "../keybearer.ts";
import { seesWrites } from "../sees-writes.ts";

/** The header that has the name. */
export const THREAD = "x-thread";

/** Loaded before the gateway into each of its threads: the product itself has no such door. */
const preload = `${seesWrites}
import { isMainThread, threadId } from "node:worker_threads";
function seen(text) {
  if (isMainThread) return undefined;
  if (/^x-die: throw\\r$/m.test(text)) process.nextTick(() => { throw new Error("an error on purpose"); });
  if (text.startsWith("HTTP/1.1 ")) return text.replace("\\r\\n", "\\r\\n${THREAD}: " + threadId + "\\r\\n");
}
`;

/** Flags for node. */
export function dyingThreads(): string[] {
  return ["--import", `${directoryOf({ "dying.mjs": preload })}/dying.mjs`];
}

/** Kills one of the gateway's threads, by chance. Resolves with the name that it had in its answers. */
export async function killThread(url: string): Promise<string> {
  // The same connection for both requests: it stays with its thread.
  const client = new Client(url);
  try {
    const { headers, body } = await client.request({ method: "GET", path: "/v1/models" });
    await body.dump();
    await client.request({ method: "GET", path: "/v1/models", headers: { "x-die": "throw" } }).then(
      () => Promise.reject(new Error("the thread lives on")),
      () => undefined,
    );
    return String(headers[THREAD]);
  } finally {
    await client.destroy();
  }
}
