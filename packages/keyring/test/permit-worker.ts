/** A thread that takes keys and gives them back as fast as it can, until it is ended in the middle. */
import { workerData } from "node:worker_threads";
import { createSeal, staticHandle, systemClock } from "@keybearer/secrets";
import { createKeyring, KeyringError, openKeyState, type KeyLease } from "@keybearer/keyring";

export interface PermitWork {
  readonly table: SharedArrayBuffer;
  readonly index: number;
  readonly maxConcurrent: number;
  /** Words: rounds of each worker, then the most that were ever seen in flight. */
  readonly seen: SharedArrayBuffer;
  readonly workers: number;
}

const { table, index, maxConcurrent, seen, workers } = workerData as PermitWork;
const counts = new Int32Array(seen);
const state = openKeyState(table, index);
const handle = staticHandle(createSeal({ source: "fake", clock: systemClock })("sk-fake"));
const ring = createKeyring({
  keys: [{ name: "only", source: "fake", slot: 0, handle, maxConcurrent }],
  state,
  clock: systemClock,
  random: Math.random,
});
const none = () => undefined;
const request = { header: none, query: none, cookie: none };
const held: KeyLease[] = [];

for (;;) {
  try {
    held.push(ring.acquire(request, []));
  } catch (error) {
    if (!KeyringError.is(error)) throw error;
  }
  const inFlight = ring.view()[0]?.inFlight ?? 0;
  if (inFlight > Atomics.load(counts, workers)) Atomics.store(counts, workers, inFlight);
  // Keeps one or two, so that whoever ends it ends it with permits in hand.
  if (held.length > 1 + (Atomics.load(counts, index) % 2)) held.shift()?.release({ kind: "answered", status: 200 });
  Atomics.add(counts, index, 1);
  Atomics.notify(counts, index);
}
