/** What does a request cost: processor time of the subject's process tree, 64 connections that never rest. */
import { busyNsOf } from "../measure/core-time.ts";
import { usageOf } from "../measure/process-tree.ts";
import { CONNECTIONS, targetOf, type Contender, type Question } from "./contender.ts";
import type { Bench, Scenario } from "./scenario.ts";
import { sideBySide, type Figure } from "./side-by-side.ts";

export interface CostScenario extends Question {
  readonly name: string;
  readonly question: string;
  readonly goal?: string;
}

export function costScenario({ name, question, goal, ...what }: CostScenario): Scenario {
  return {
    name,
    question,
    ...(goal !== undefined && { goal }),
    measure: (bench) => sideBySide(bench, { scenario: name, ...what, once: measureCost }),
  };
}

async function measureCost(contender: Contender, { load, seconds, cores }: Bench): Promise<Figure[]> {
  const { pid } = contender.running;
  return load.on(targetOf(contender, CONNECTIONS), async (connections) => {
    const others = () => (cores.subject === undefined ? 0 : busyNsOf(cores.subject)) - usageOf(pid).cpuNs;
    const [before, othersBefore] = [usageOf(pid).cpuNs, others()];
    const run = await connections.closedLoop(seconds);
    const cpuUs = (usageOf(pid).cpuNs - before) / 1_000;
    const share = (microseconds: number) => Math.round(microseconds / run.seconds / 10_000);
    const note = [
      `${Math.round(run.answers / run.seconds)}/s`,
      `${share(cpuUs)} % of a core`,
      ...(cores.subject === undefined ? [] : [`others ${Math.max(0, share((others() - othersBefore) / 1_000))} %`]),
    ];
    return [{ value: cpuUs / run.answers, unit: "us", note: note.join(", ") }];
  });
}
