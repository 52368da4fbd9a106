/** What does it add to the time of a request when there is little to do: 500 requests a second. */
import type { Target } from "../load/contract.ts";
import { quantile } from "../measure/statistics.ts";
import { chatAnswer, chatRequest, httpRequest } from "../upstream/payloads.ts";
import { targetOf, type Contender } from "./contender.ts";
import type { Bench, Scenario } from "./scenario.ts";
import { sideBySide, type Figure } from "./side-by-side.ts";

const REQUESTS_PER_SECOND = 500;
const CONNECTIONS = 256;
const body = chatRequest(350);

export const latency: Scenario = {
  name: "latency",
  question: `time added to a request beside calling the upstream directly, at ${REQUESTS_PER_SECOND} requests a second`,
  goal: "p50 at most 1.3",
  measure: (bench) =>
    sideBySide(bench, { scenario: "latency", mode: { kind: "json" }, body, warmUpAnswers: 15_000, once: measureAdded }),
};

async function measureAdded(contender: Contender, { load, upstream, seconds }: Bench): Promise<Figure[]> {
  const direct = {
    port: upstream.port,
    connections: CONNECTIONS,
    request: httpRequest(upstream.port, body),
    expected: chatAnswer(),
  };
  const latenciesOf = (target: Target) =>
    load.on(target, async (connections) => {
      // The first requests find connections that the subject has yet to open to the upstream.
      await connections.paced(0.2, REQUESTS_PER_SECOND);
      return (await connections.paced(seconds, REQUESTS_PER_SECOND)).latenciesUs ?? [];
    });
  const without = await latenciesOf(direct);
  const through = await latenciesOf(targetOf(contender, CONNECTIONS));
  return [0.5, 0.99].map((share) => ({
    topic: `p${share * 100}`,
    value: quantile(through, share) - quantile(without, share),
    unit: "us",
    note: `directly ${Math.round(quantile(without, share))} us`,
  }));
}
