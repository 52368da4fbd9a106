/** How long to choose a key and give it back? Baseline: the next one of an array, whatever state it is in. */
import { assignSlots, createKeyring, createKeyState, openKeyState, type Strategy } from "@keybearer/keyring";
import { createSeal } from "@keybearer/secrets";
import { compare } from "./timer.ts";

const clock = { now: () => Date.now() };
const seal = createSeal({ source: "bench", clock });
const requests = Array.from({ length: 1_000 }, (_, index) => ({
  header: () => undefined,
  query: () => undefined,
  cookie: () => undefined,
  model: "gpt-4o",
  conversation: `conversation-${index}`,
  caller: "127.0.0.1",
}));

const names = Array.from({ length: 100 }, (_, index) => `key${index}`);
let turn = 0;

compare("acquire and release", {
  "the next of an array": () => names[turn++ % names.length],
  "1 key": lending(1, "affinity"),
  "10 keys, affinity": lending(10, "affinity"),
  "100 keys, affinity": lending(100, "affinity"),
  "10 keys, in turn": lending(10, "roundRobin"),
  "100 keys, in turn": lending(100, "roundRobin"),
  "100 keys, ordered": lending(100, "ordered"),
});

function lending(count: number, strategy: Strategy): () => unknown {
  const chosen = names.slice(0, count);
  const { slots } = assignSlots(new Map(), chosen, count);
  const state = openKeyState(createKeyState({ slots: count, workers: 1, clock }), 0);
  const keys = chosen.map((name) => {
    const version = seal(`sk-bench-${name}-0123456789`);
    return { name, source: "bench", handle: { current: () => version }, slot: slots.get(name) ?? 0 };
  });
  const ring = createKeyring({ keys, strategy, state, clock, random: Math.random });
  return () => {
    const request = requests[turn++ % requests.length];
    const lease = request && ring.acquire(request, []);
    lease?.release({ kind: "answered", status: 200 });
    return lease;
  };
}
