import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { startKeybearer, type Keybearer } from "./keybearer.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const POLL_MS = 150;
/** Many polls long, on whatever machine. */
const settings = "{ connectionMinTerminationDeadline: 2s, connectionTerminationDeadline: 60s }";

/** What a load balancer does: asks each for its readiness now and then, and sends to those alone that are ready. */
function balance(gateways: readonly Keybearer[]) {
  const ready = new Set(gateways);
  const closing = new AbortController();
  let turn = 0;
  const poll = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await Promise.all(
        gateways.map(async (gateway) => {
          const answer = await fetch(`${gateway.urls.readiness}/healthz/ready`).catch(() => undefined);
          await answer?.text();
          if (answer?.status === 200) ready.add(gateway);
          else ready.delete(gateway);
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const polling = poll();
  return {
    next: (): Keybearer => {
      const [gateway] = [...ready].slice(turn++ % ready.size);
      if (!gateway) throw new Error("no gateway is ready");
      return gateway;
    },
    async close() {
      closing.abort();
      await polling;
    },
  };
}

/** One caller, one request after the other, in turn an answer in JSON and a stream. */
async function call(next: () => Keybearer, signal: AbortSignal, served: Map<Keybearer, number>): Promise<string[]> {
  const failures: string[] = [];
  for (let count = 0; !signal.aborted; count++) {
    const gateway = next();
    const stream = count % 2 === 1;
    const headers = { "x-simulate": "events=10, delay-ms=15" };
    try {
      const answer = await ask(gateway.url, { body: { stream }, headers });
      const text = await answer.text();
      if (answer.status !== 200 || !/(?:data: \[DONE\]\n\n|\})$/.test(text)) failures.push(`${answer.status} ${text}`);
      served.set(gateway, (served.get(gateway) ?? 0) + 1);
    } catch (error) {
      failures.push(String(error));
    }
  }
  return failures;
}

test("a gateway that is stopped under load costs no request, where the balancer heeds its readiness", async () => {
  const config = oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }', settings });
  const gateways = await Promise.all([startKeybearer({ config }), startKeybearer({ config })]);
  const [stopped, stays] = gateways;
  const balancer = balance(gateways);
  const served = new Map<Keybearer, number>();
  const over = new AbortController();
  const callers = Array.from({ length: 16 }, () => call(balancer.next, over.signal, served));
  await Promise.all(gateways.map((gateway) => gateway.accessLog(20)));

  const before = served.get(stays) ?? 0;
  const { code, signal, stdout } = await stopped.stop();
  await expect.poll(() => served.get(stays), { timeout: 10_000 }).toBeGreaterThan(before + 20);
  over.abort();

  expect((await Promise.all(callers)).flat()).toEqual([]);
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(stdout.trimEnd().split("\n")).toHaveLength(served.get(stopped) ?? 0);
  await balancer.close();
}, 30_000);
