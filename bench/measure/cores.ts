/** Who runs on which core: the subject has its own, so that neither load nor upstream take time from it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface CorePlan {
  /** Cores that this process may use. */
  readonly available: readonly number[];
  /** Undefined: nothing is pinned (one core alone, or no taskset). */
  readonly subject: number | undefined;
  /** A second one for the subject; undefined: the others need it. */
  readonly second: number | undefined;
  readonly load: number | undefined;
  readonly upstream: number | undefined;
}

export function planCores(): CorePlan {
  const status = readFileSync("/proc/self/status", "utf8");
  return coresFor(coreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? ""), hasTaskset());
}

/** The last core for the load, the one before for the upstream if that leaves one for the subject. */
export function coresFor(available: readonly number[], canPin: boolean): CorePlan {
  const [subject, second] = available;
  if (!canPin || available.length < 2)
    return { available, subject: undefined, second: undefined, load: undefined, upstream: undefined };
  const load = available.at(-1);
  return {
    available,
    subject,
    second: available.length > 2 ? second : undefined,
    load,
    upstream: available.length > 3 ? available.at(-2) : load,
  };
}

/** `0-2,5` */
export function coreList(text: string): number[] {
  return text.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The command that runs `command` on these cores only; it has the same process id. */
export function onCores(cores: readonly (number | undefined)[], command: readonly string[]): readonly string[] {
  const known = cores.filter((core) => core !== undefined);
  return known.length === 0 ? command : ["taskset", "-c", known.join(","), ...command];
}

/** Moves this process out of the subject's way. */
export function moveTo(core: number | undefined): void {
  if (core !== undefined) spawnSync("taskset", ["-a", "-c", "-p", String(core), String(process.pid)]);
}

function hasTaskset(): boolean {
  return spawnSync("taskset", ["--version"]).status === 0;
}
