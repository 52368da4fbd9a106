/** Memory and descriptors of a process while it works. Linux alone tells. */
import { readdirSync } from "node:fs";
import type { Keybearer } from "../../keybearer.ts";
import { residentBytes } from "../memory.ts";

export interface Sample {
  readonly bytes: number;
  readonly descriptors: number;
}

export function sample(keybearer: Keybearer): Sample {
  return { bytes: residentBytes(keybearer), descriptors: openDescriptors(keybearer) };
}

export function openDescriptors({ process: { pid } }: Keybearer): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** From `from` to `to`, as shares of the whole. */
export function median(samples: readonly Sample[], from: number, to: number): Sample {
  const part = samples.slice(Math.floor(from * samples.length), Math.floor(to * samples.length));
  const middle = (of: (each: Sample) => number): number =>
    part.map(of).toSorted((one, other) => one - other)[Math.floor(part.length / 2)] ?? Number.NaN;
  return { bytes: middle(({ bytes }) => bytes), descriptors: middle(({ descriptors }) => descriptors) };
}
