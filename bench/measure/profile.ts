/** Where the time goes: the functions with the most self time in V8's profiles of a process. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { repository } from "./machine.ts";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** One line a function: its share of the time in which the process was not idle, over all threads. */
export function costliestFunctions(folder: string, count: number): string[] {
  const times = new Map<string, number>();
  let sum = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"))) {
    const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    for (const [index, sample] of samples.entries()) {
      const name = names.get(sample) ?? "";
      // The time up to a sample is spent in what the sample before it saw; at these counts it is the same.
      const time = timeDeltas[index] ?? 0;
      if (name === "(idle)") continue;
      sum += time;
      times.set(name, (times.get(name) ?? 0) + time);
    }
  }
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => `${((100 * time) / sum).toFixed(1).padStart(6)} %  ${name}`);
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const path = url.startsWith("file:") ? relative(repository, fileURLToPath(url)) : url;
  return `${name}  ${path}:${lineNumber + 1}`;
}
