/** How long it took until a key was in use, and whether that was in time on a machine that others may share. */
import { existsSync, readFileSync } from "node:fs";

export interface Wait {
  readonly ms: number;
  /** Of these, how long somebody on this machine waited for a core. */
  readonly stalledMs: number;
}

/** Resolves with how long it took. */
export async function timed(happens: () => Promise<unknown>): Promise<Wait> {
  const [began, stalledBefore] = [performance.now(), stalledSinceStartMs()];
  await happens();
  return { ms: performance.now() - began, stalledMs: stalledSinceStartMs() - stalledBefore };
}

/**
 * Those that took longer than `boundMs`. A bound holds for a gateway that is given a core, so what the machine owes is taken
 * off; but not from the faster half, so that a slow gateway is found on a busy machine, too.
 */
export function late(waits: readonly Wait[], boundMs: number): readonly Wait[] {
  const half = Math.ceil(waits.length / 2);
  return waits
    .toSorted((one, other) => one.ms - other.ms)
    .filter(({ ms, stalledMs }, at) => ms - (at < half ? 0 : stalledMs) > boundMs);
}

/** Linux alone tells. */
const PRESSURE = "/proc/pressure/cpu";
const hasPressure = existsSync(PRESSURE);

function stalledSinceStartMs(): number {
  if (!hasPressure) return 0;
  const [, microseconds = 0] = /^some .*total=(\d+)/.exec(readFileSync(PRESSURE, "utf8")) ?? [];
  return Number(microseconds) / 1_000;
}
