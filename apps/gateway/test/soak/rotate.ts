/** One key after another, at a provider that refuses the old one the instant the new one is written. */
import type { Simulator } from "@keybearer/simulator";
import type { Traffic } from "./traffic.ts";
import { timed, type Wait } from "./waits.ts";
import { within } from "./within.ts";

/** Of each soak. */
export const ROTATIONS = Number(process.env["KEYBEARER_SOAK_ROTATIONS"] ?? 1_000);
export const FIRST_KEY = keyOf(0);

export interface Rotations {
  readonly count: number;
  readonly provider: Simulator;
  readonly traffic: Traffic;
  readonly write: (key: string) => void;
  /** What happens beside, once this rotation's key is in use. */
  readonly between?: (rotation: number) => Promise<void> | void;
}

/** For each rotation, how long it took from the end of the write until the provider saw a request with the new key. */
export async function rotate({ count, provider, traffic, write, between }: Rotations): Promise<Wait[]> {
  const waits: Wait[] = [];
  for (let rotation = 1; rotation <= count; rotation++) {
    const key = keyOf(rotation);
    const seen = provider.waitForRequest((request) => request.key === key);
    // To open a file and truncate it may take ext4 hundreds of milliseconds, in which nothing is written yet.
    write(key);
    const wait = await timed(() => {
      provider.setKeys([key]);
      return within(`${key} is in use`, seen);
    });
    waits.push(wait);
    await between?.(rotation);
    // Every other key is replaced the instant that it is in use, before most clients have had it.
    if (rotation % 2 === 0) await traffic.round();
  }
  return waits;
}

function keyOf(rotation: number): string {
  return `sk-rotation-${rotation}`;
}
