/** What does a request cost that is refused because there is no room, beside one that is served. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { usageOf } from "../measure/process-tree.ts";
import { keybearer, narrowKeybearer } from "../subjects/keybearer.ts";
import { startSubject } from "../subjects/running.ts";
import { chatRequest, httpRequest } from "../upstream/payloads.ts";
import { CONNECTIONS, startContender, targetOf } from "./contender.ts";
import type { Bench, Row, Scenario } from "./scenario.ts";

const question = { mode: { kind: "json" }, body: chatRequest(350), warmUpAnswers: 30_000 } as const;

export const shed: Scenario = {
  name: "shed",
  question: "processor time of a request beyond capacity, as a share of one that is served",
  goal: "less than 10 %",
  async measure(bench) {
    const values: number[] = [];
    const served = await startContender(bench, keybearer, question);
    try {
      const narrow = await startSubject(narrowKeybearer, {
        scratch: bench.scratch,
        upstreamPort: bench.upstream.port,
        cores: [bench.cores.subject],
      });
      const busy = await occupy(narrow.port);
      try {
        const target = {
          port: narrow.port,
          connections: CONNECTIONS,
          request: narrow.request(question.body),
          status: 503,
        };
        await bench.load.on(target, (connections) => connections.closedLoop(bench.warmUpSeconds, 30_000));
        for (let pair = 0; pair < bench.pairs; pair++) {
          const one = await costUs(bench, served.running.pid, targetOf(served, CONNECTIONS));
          values.push((100 * (await costUs(bench, narrow.pid, target))) / one);
        }
      } finally {
        busy.destroy();
        await narrow.stop();
      }
    } finally {
      await served.running.stop();
    }
    return [{ subject: "keybearer", unit: "%", values } satisfies Row];
  },
};

async function costUs(bench: Bench, pid: number, target: Parameters<Bench["load"]["on"]>[0]): Promise<number> {
  return bench.load.on(target, async (connections) => {
    const before = usageOf(pid).cpuNs;
    const { answers } = await connections.closedLoop(bench.seconds);
    return (usageOf(pid).cpuNs - before) / 1_000 / answers;
  });
}

/** A request whose body never comes to its end takes the only place that there is. */
async function occupy(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  const request = httpRequest(port, chatRequest(350));
  socket.write(request.subarray(0, request.length - 10));
  return socket;
}
