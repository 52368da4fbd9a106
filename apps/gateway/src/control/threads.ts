/** How many threads serve. */
import { availableParallelism, platform } from "node:os";

/** Several threads on one port need SO_REUSEPORT with load sharing, which Linux has; elsewhere one thread serves. */
export function threadCount(wanted: number | undefined): number {
  if (wanted === 0) return 0;
  if (platform() !== "linux") return 1;
  return wanted ?? availableParallelism();
}

/** Whether a port may be opened beside another of ours: a bind that moves to another address is not closed in between. */
export const sharesPorts = platform() === "linux";
