/** What does a second worker bring: answers a second of two workers on two cores, over one on one. */
import type { Subject } from "../subjects/subject.ts";
import { chatRequest } from "../upstream/payloads.ts";
import { CONNECTIONS, startContender, targetOf } from "./contender.ts";
import type { Bench, Row, Scenario } from "./scenario.ts";

export const workers: Scenario = {
  name: "workers",
  question: "answers a second of two workers on two cores, over those of one",
  goal: "at least 1.7 times",
  async measure(bench) {
    const { second, available } = bench.cores;
    const scaling = bench.subjects.filter(({ scales }) => scales);
    if (second === undefined) {
      const note = `two workers and the load need 3 cores, here are ${available.length}`;
      return scaling.map(({ name }) => ({ subject: name, unit: "", values: [], note }));
    }
    const rows: Row[] = [];
    for (const subject of scaling) rows.push(await measureSubject(bench, subject));
    return rows;
  },
};

async function measureSubject(bench: Bench, subject: Subject): Promise<Row> {
  const values: number[] = [];
  let note = "";
  for (let pair = 0; pair < bench.pairs; pair++) {
    const one = await answersPerSecond(bench, subject, 1);
    const two = await answersPerSecond(bench, subject, 2);
    values.push(two / one);
    note = `${Math.round(one)}/s, ${Math.round(two)}/s`;
  }
  return { subject: subject.name, unit: "times", values, note };
}

async function answersPerSecond(bench: Bench, subject: Subject, count: 1 | 2): Promise<number> {
  const question = { mode: { kind: "json" }, body: chatRequest(350), warmUpAnswers: 15_000 } as const;
  const contender = await startContender(bench, subject, question, count);
  try {
    const { answers, seconds } = await bench.load.on(targetOf(contender, CONNECTIONS), (connections) =>
      connections.closedLoop(bench.seconds),
    );
    return answers / seconds;
  } finally {
    await contender.running.stop();
  }
}
