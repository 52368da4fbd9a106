/** What does an open stream hold: resident memory of the process tree above idle, shared among 1,000 slow streams. */
import { setTimeout as wait } from "node:timers/promises";
import { usageOf } from "../measure/process-tree.ts";
import { chatRequest } from "../upstream/payloads.ts";
import { targetOf, type Contender } from "./contender.ts";
import type { Bench, Scenario } from "./scenario.ts";
import { eachAnew, type Figure } from "./side-by-side.ts";

const STREAMS = 1_000;
/** 100 events: no stream ends while it is measured. */
const EVENT_EVERY_MS = 500;

export const streams: Scenario = {
  name: "streams",
  question: `memory of each of ${STREAMS} open streams, an event every ${EVENT_EVERY_MS} ms`,
  goal: "under 60 kB each",
  measure: (bench) =>
    // Little warming up, as after a start: memory that earlier load has left free would hide what the streams take.
    eachAnew(
      { ...bench, pairs: Math.min(bench.pairs, 3), warmUpSeconds: 0, warmUpShare: 1 },
      {
        scenario: "streams",
        mode: { kind: "events", everyMs: EVENT_EVERY_MS },
        body: chatRequest(350, { stream: true, stream_options: { include_usage: true } }),
        warmUpMode: { kind: "events", everyMs: 0 },
        warmUpAnswers: 100,
        once: measureMemory,
      },
    ),
};

async function measureMemory(contender: Contender, { load, seconds }: Bench): Promise<Figure[]> {
  const { pid } = contender.running;
  const idle = usageOf(pid).residentBytes;
  return load.on(targetOf(contender, STREAMS), async (connections) => {
    await connections.hold();
    await wait(seconds * 1_000);
    const open = usageOf(pid).residentBytes;
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    const note = `${megabytes(idle)} MB idle, ${megabytes(open)} MB with the streams`;
    return [{ value: (open - idle) / 1_000 / STREAMS, unit: "kB", note }];
  });
}
