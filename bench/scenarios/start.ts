/** How long from the start of the process to its first answer from the upstream. */
import { startSubject } from "../subjects/running.ts";
import type { Scenario } from "./scenario.ts";

export const start: Scenario = {
  name: "start",
  question: "from the start of the process to its first answer",
  async measure({ cores, upstream, subjects, scratch, pairs }) {
    await upstream.answerWith({ kind: "json" });
    const times = subjects.map((): number[] => []);
    for (let pair = 0; pair < pairs; pair++) {
      for (const [index, subject] of subjects.entries()) {
        const running = await startSubject(subject, { scratch, upstreamPort: upstream.port, cores: [cores.subject] });
        times[index]?.push(running.startMs);
        await running.stop();
      }
    }
    return subjects.map(({ name }, index) => ({ subject: name, unit: "ms", values: times[index] ?? [] }));
  },
};
