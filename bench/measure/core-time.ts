/** How long a core was busy since the machine's start, with whatever it was. */
import { readFileSync } from "node:fs";

const TICK_NS = 10_000_000; // USER_HZ is 100 wherever Linux runs.

/** Time that a hypervisor took counts as busy: it, too, was not to be had. */
export function busyNsOf(core: number): number {
  const line = readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`cpu${core} `));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? "")
    .split(" ")
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_NS;
}
