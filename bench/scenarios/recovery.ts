/** How long nobody answers when the only serving thread has died of an error that nobody caught. */
import { askOnce } from "../load/ask-once.ts";
import { deadlyHeader, mortalKeybearer } from "../subjects/keybearer.ts";
import { startSubject } from "../subjects/running.ts";
import { chatRequest, httpRequest } from "../upstream/payloads.ts";
import type { Row, Scenario } from "./scenario.ts";

export const recovery: Scenario = {
  name: "recovery",
  question: "from the death of the only serving thread to the next answer",
  goal: "less than 1000 ms",
  async measure({ cores, upstream, scratch, pairs }) {
    await upstream.answerWith({ kind: "json" });
    const values: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const options = { scratch, upstreamPort: upstream.port, cores: [cores.subject] };
      const running = await startSubject(mortalKeybearer, options);
      try {
        await deathOf(running.port);
        const died = performance.now();
        await running.answers();
        values.push(performance.now() - died);
      } finally {
        await running.stop();
      }
    }
    return [{ subject: "keybearer", unit: "ms", values } satisfies Row];
  },
};

async function deathOf(port: number): Promise<void> {
  const survived = await askOnce(port, httpRequest(port, chatRequest(200), deadlyHeader)).catch(() => undefined);
  if (survived) throw new Error("the thread lives on");
}
