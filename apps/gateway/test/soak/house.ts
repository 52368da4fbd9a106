/** A provider, a gateway with two threads and clients that call: what every soak runs in. */
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { onTestFinished } from "vitest";
import { oneRoute } from "../configs.ts";
import { startKeybearer, type Keybearer, type RunOptions } from "../keybearer.ts";
import { FIRST_KEY } from "./rotate.ts";
import { startTraffic, type AnswerHeaders, type Traffic } from "./traffic.ts";

export interface House {
  readonly provider: Simulator;
  readonly keybearer: Keybearer;
  readonly traffic: Traffic;
  /** The config, for a reload. */
  readonly config: (policies?: readonly string[]) => string;
}

export interface HouseOptions extends Pick<RunOptions, "directory" | "nodeArgs" | "env"> {
  /** What stands below `backendAuth`, in YAML's flow form. */
  readonly auth: string;
  /** Further route policies, in YAML's flow form. */
  readonly policies?: readonly string[];
  readonly onAnswer?: (headers: AnswerHeaders) => void;
}

/** The key's source must hold `FIRST_KEY` by now. All of it ends when the test has finished. */
export async function startHouse({ auth, policies, onAnswer, env, ...run }: HouseOptions): Promise<House> {
  // So slow that streams are open while keys rotate, and that clients wait for the provider rather than for a core.
  const provider = await startSimulator({ keys: [FIRST_KEY], recordLimit: 200, latencyMs: 3, delayMs: 4, events: 6 });
  onTestFinished(() => provider.close());
  const config: House["config"] = (policies) =>
    oneRoute({ upstream: provider.host, auth, ...(policies && { policies }) });
  const all = { WORKER_THREADS: "2", RUST_LOG: "error", ...env };
  const keybearer = await startKeybearer({ ...run, config: config(policies), env: all });
  return { provider, keybearer, traffic: startTraffic(keybearer.url, onAnswer), config };
}
