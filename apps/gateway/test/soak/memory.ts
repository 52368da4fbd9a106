/** How much memory a gateway holds once all that is garbage has gone. Linux alone tells. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startKeybearer, type Keybearer } from "../keybearer.ts";

export const canMeasure = existsSync("/proc/self/status");
export const MB = 1e6;

/** One thread serves, so that its garbage can be collected. */
export function startMeasured(config: string): Promise<Keybearer> {
  return startKeybearer({
    config,
    env: { WORKER_THREADS: "0", RUST_LOG: "error" },
    nodeArgs: ["--expose-gc", "--import", join(import.meta.dirname, "collect-on-signal.ts")],
  });
}

/** Bytes, now. */
export function residentBytes({ process: { pid } }: Keybearer): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** The least of several looks, each after a collection: what was let go is given back to the system little by little. */
async function settledBytes(gateway: Keybearer): Promise<number> {
  let least = Infinity;
  for (let looks = 0; looks < 8; looks++) {
    gateway.process.kill("SIGUSR2");
    await new Promise((resolve) => void setTimeout(resolve, 250));
    least = Math.min(least, residentBytes(gateway));
  }
  return least;
}

/** What `work` adds to what the gateway holds for good, and the most that it held meanwhile, above what it began with. */
export async function growth(
  gateway: Keybearer,
  work: () => Promise<unknown>,
): Promise<{ readonly kept: number; readonly most: number }> {
  const before = await settledBytes(gateway);
  let most = before;
  const looks = setInterval(() => (most = Math.max(most, residentBytes(gateway))), 50);
  await work().finally(() => clearInterval(looks));
  return { kept: (await settledBytes(gateway)) - before, most: most - before };
}

/** How many files this process, and those that it starts, may have open. */
export function descriptorLimit(): number {
  const [, limit = "0"] = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return Number(limit);
}
