/** Two providers, a gateway of two threads that dies in parts on demand, and what an operator does to it: rotate, reload. */
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { onTestFinished } from "vitest";
import { directoryOf, startKeybearer, type Keybearer } from "../../keybearer.ts";
import { replaceFile } from "../../reloading.ts";
import { dyingThreads, killThread } from "../dying-threads.ts";
import { within } from "../within.ts";
import { EMBEDDING } from "./calls.ts";
import { mixedConfig } from "./config.ts";
import { planFaults } from "./faults.ts";

/** Each key begins with it. */
export const CANARY = "tamarind-of-the-soak+Zq7/x9=Kd";
const [SECOND_KEY, THIRD_KEY] = [`${CANARY}-of-pool-2`, `${CANARY}-of-pool-3`];

export interface MixedHouse {
  readonly keybearer: Keybearer;
  readonly providers: readonly Simulator[];
  /** `data` of the answer to `EMBEDDING`, from a provider without a gateway before it. */
  readonly expectedEmbedding: string;
  /** How often each was done. */
  readonly done: { rotations: number; reloads: number; deaths: number };
  /** A new key for one provider, then for the other: the old one is refused the instant the new one is written. */
  rotate(): void;
  reload(): void;
  /** Resolves when another takes its place. */
  killThread(): Promise<void>;
}

/** All of it ends when the test has finished. */
export async function startMixedHouse(): Promise<MixedHouse> {
  const options = { recordLimit: 50, latencyMs: 3, delayMs: 2, echoKey: true };
  const providers = [await startSimulator(options), await startSimulator(options)] as const;
  const [first, second] = providers;
  for (const provider of providers) onTestFinished(() => provider.close());
  planFaults(first, second);

  const directory = directoryOf();
  const done = { rotations: 0, reloads: 0, deaths: 0 };
  const config = (version: number): string => mixedConfig({ first: first.host, second: second.host, version });
  const write = (name: string, key: string): void => replaceFile(directory, name, `${key}\n`);
  const renew = (provider: Simulator, turn: number): void => {
    const key = `${CANARY}-${turn}`;
    if (provider === first) {
      write("first.txt", key);
      first.setKeys([key]);
    } else {
      write("pool-1.txt", key);
      second.setKeys([key, SECOND_KEY, THIRD_KEY]);
    }
  };
  renew(first, 0);
  renew(second, 0);
  const keybearer = await startKeybearer({
    directory,
    config: config(0),
    nodeArgs: [...dyingThreads(), ...eagerCollection()],
    env: { WORKER_THREADS: "", RUST_LOG: "info", POOL_2: SECOND_KEY, POOL_3: THIRD_KEY },
  });
  return {
    keybearer,
    providers,
    expectedEmbedding: await embeddingFrom(second),
    done,
    rotate() {
      done.rotations += 1;
      renew(done.rotations % 2 === 0 ? first : second, done.rotations);
    },
    reload() {
      done.reloads += 1;
      replaceFile(directory, "config.yaml", config(done.reloads));
    },
    async killThread() {
      await killThread(keybearer.url);
      done.deaths += 1;
      const replaced = new RegExp(`(?:[^]*?ended and is replaced){${done.deaths}}`);
      await within("the dead thread is replaced", keybearer.said("stderr", replaced));
    },
  };
}

/**
 * Flags for node: garbage goes every two seconds, in each thread. Left to itself, node lets a heap grow for many minutes
 * before it cleans up, and what is lost for good could not be told from what only waits.
 */
function eagerCollection(): string[] {
  const directory = directoryOf({ "collect.mjs": "setInterval(() => globalThis.gc(), 2_000).unref();" });
  return ["--expose-gc", "--max-semi-space-size=4", "--import", `${directory}/collect.mjs`];
}

async function embeddingFrom({ origin }: Simulator): Promise<string> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${SECOND_KEY}` };
  const answer = await fetch(`${origin}/v1/embeddings`, { method: "POST", headers, body: JSON.stringify(EMBEDDING) });
  const { data } = (await answer.json()) as { readonly data: unknown };
  return JSON.stringify(data);
}
