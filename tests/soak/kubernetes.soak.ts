/**
 * A key in a Kubernetes Secret that rotates under load: no client sees an error. It stands here because it needs what two
 * packages keep for their own tests, the stand-in API server and the gateway's process, and neither may reach into the other.
 */
import { afterAll, expect, test } from "vitest";
import { printFigures, type Figures } from "../../apps/gateway/test/soak/figures.ts";
import { startHouse } from "../../apps/gateway/test/soak/house.ts";
import { FIRST_KEY, rotate, ROTATIONS } from "../../apps/gateway/test/soak/rotate.ts";
import { late } from "../../apps/gateway/test/soak/waits.ts";
import { cluster, kubeconfig, partsOf } from "../../packages/secret-kubernetes/test/cluster.ts";

/** The watch tells of it, so there is nothing to wait for. */
const BOUND_MS = 100;

const figures: Figures[] = [];
afterAll(() => printFigures("Kubernetes Secret", figures));

test("a key in a Kubernetes Secret: no client error, each key in use in time", async () => {
  const api = await cluster();
  let turn = 0;
  const write = (key: string): void => {
    // The event comes before, while and after a refused request has the Secret read.
    api.watches.delayMs = 1 + (turn++ % 7);
    api.store.put("llm", "openai", { Authorization: key });
  };
  write(FIRST_KEY);
  const auth = `{ key: { kubernetes: { name: openai, namespace: llm, kubeconfig: ${kubeconfig(partsOf(api))} } } }`;
  const { provider, traffic } = await startHouse({ auth });
  const waits = await rotate({ count: ROTATIONS, provider, traffic, write });
  const tally = await traffic.stop();
  figures.push({ title: "watched", tally, waits, boundMs: BOUND_MS });
  expect(tally.failures).toEqual([]);
  expect(late(waits, BOUND_MS)).toEqual([]);
});
