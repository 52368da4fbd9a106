/** What a process and all that it has started use, read from Linux's /proc. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface TreeUsage {
  /** Time on a processor since the start, of all threads. */
  readonly cpuNs: number;
  readonly residentBytes: number;
}

const TICK_NS = 10_000_000; // USER_HZ is 100 wherever Linux runs.
const PAGE_BYTES = 4096;

/** Throws if the process is gone. Threads that have ended are not counted: measure over a time in which none does. */
export function usageOf(pid: number): TreeUsage {
  let cpuNs = 0;
  let residentBytes = 0;
  for (const each of treeOf(pid)) {
    cpuNs += cpuOf(each);
    residentBytes += Number(readFileSync(`/proc/${each}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
  }
  return { cpuNs, residentBytes };
}

export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const parent = /^\d+$/.test(entry) ? statOf(Number(entry))?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const tree = [pid];
  for (const each of tree) tree.push(...(children.get(each) ?? []));
  return tree;
}

/** In nanoseconds from schedstat, in ticks of 10 ms where the kernel keeps none. */
function cpuOf(pid: number): number {
  if (!existsSync(`/proc/${pid}/schedstat`)) return (statOf(pid)?.ticks ?? 0) * TICK_NS;
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return sum;
}

/** Undefined: the process has ended meanwhile. */
function statOf(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command stands in brackets and may hold any character. Behind it: state, parent, ..., utime and stime.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}
