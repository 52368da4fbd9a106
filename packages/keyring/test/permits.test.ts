import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { createSeal, staticHandle, systemClock } from "@keybearer/secrets";
import { expect, test } from "vitest";
import { createKeyring, createKeyState, openKeyState } from "@keybearer/keyring";
import type { PermitWork } from "./permit-worker.ts";

const workers = 2;
const maxConcurrent = 5;

test("no permit is lost and none is one too many, though threads end while they hold some", async () => {
  const table = createKeyState({ slots: 1, workers: workers + 1, marks: 8, clock: systemClock });
  const seen = new SharedArrayBuffer(4 * (workers + 1));
  const counts = new Int32Array(seen);
  const state = openKeyState(table, workers);
  const start = (index: number) => {
    const workerData: PermitWork = { table, index, maxConcurrent, seen, workers };
    return new Worker(new URL("permit-worker.ts", import.meta.url), {
      workerData,
      execArgv: ["--conditions=@keybearer/source"],
    });
  };
  const running = Array.from({ length: workers }, (_, index) => start(index));
  for (let round = 0; round < 6; round++) {
    const index = round % workers;
    const worker = running[index]!;
    const failed = once(worker, "error").then(([error]) => Promise.reject(error));
    await Promise.race([reached(counts, index, Atomics.load(counts, index) + 500), failed]);
    failed.catch(() => undefined);
    await worker.terminate();
    state.forgetWorker(index);
    running[index] = start(index);
  }
  for (const [index, worker] of running.entries()) {
    await worker.terminate();
    state.forgetWorker(index);
  }
  expect(Atomics.load(counts, workers)).toBeGreaterThan(0);
  expect(Atomics.load(counts, workers)).toBeLessThanOrEqual(maxConcurrent);

  const handle = staticHandle(createSeal({ source: "fake", clock: systemClock })("sk-fake"));
  const keys = [{ name: "only", source: "fake", slot: 0, handle, maxConcurrent }];
  const ring = createKeyring({ keys, state, clock: systemClock, random: Math.random });
  expect(ring.view()[0]?.inFlight).toBe(0);
  const none = () => undefined;
  const take = () => ring.acquire({ header: none, query: none, cookie: none }, []);
  for (let i = 0; i < maxConcurrent; i++) take();
  expect(take).toThrow();
});

async function reached(counts: Int32Array, index: number, count: number): Promise<void> {
  for (;;) {
    const now = Atomics.load(counts, index);
    if (now >= count) return;
    const waiting = Atomics.waitAsync(counts, index, now, 5_000);
    if (waiting.async) await waiting.value;
  }
}
