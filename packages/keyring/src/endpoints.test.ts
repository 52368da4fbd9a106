import { systemClock, type Outcome } from "@keybearer/secrets";
import { describe, expect, test } from "vitest";
import { createEndpoints, createKeyState, openKeyState, type Endpoints } from "./index.ts";

const request = { header: () => undefined, query: () => undefined, cookie: () => undefined };
const overloaded: Outcome = {
  kind: "refused",
  failure: { class: "overloaded", scope: "endpoint", confirmed: true, rule: "overloaded" },
};
const keyRefused: Outcome = {
  kind: "refused",
  failure: { class: "keyInvalid", scope: "key", confirmed: true, rule: "invalid-api-key" },
};

/** One character each, tiers apart: `ab`, `c`. */
function endpointsOf(...tiers: readonly string[]) {
  let now = systemClock.now();
  const clock = { now: () => now };
  const state = openKeyState(createKeyState({ slots: 8, workers: 1, clock }), 0);
  const names = tiers.join("");
  const endpoints = createEndpoints({
    tiers: tiers.map((tier) => Array.from(tier, (name) => ({ name, slot: names.indexOf(name) }))),
    state,
    clock,
    random: () => 0.5,
  });
  return { endpoints, wait: (ms: number) => void (now += ms) };
}

function use(endpoints: Endpoints, outcome: Outcome, tried: readonly string[] = []): string | undefined {
  const lease = endpoints.acquire(request, tried);
  lease?.release(outcome);
  return lease?.name;
}

const answered: Outcome = { kind: "answered", status: 200 };

describe("endpoints", () => {
  test("of the first tier serve as long as one of them can", () => {
    const { endpoints } = endpointsOf("ab", "c");
    const first = use(endpoints, overloaded);
    const second = use(endpoints, overloaded);
    expect(new Set([first, second])).toEqual(new Set(["a", "b"]));
    expect(use(endpoints, answered)).toBe("c");
  });

  test("that were tried are passed over; none is left in the end", () => {
    const { endpoints } = endpointsOf("a", "b");
    expect(use(endpoints, answered, ["a"])).toBe("b");
    expect(use(endpoints, answered, ["a", "b"])).toBeUndefined();
  });

  test("that all rest serve in the order of their tiers all the same", () => {
    const { endpoints } = endpointsOf("a", "b");
    expect([use(endpoints, overloaded), use(endpoints, overloaded)]).toEqual(["a", "b"]);
    expect([use(endpoints, answered), use(endpoints, answered, ["a"])]).toEqual(["a", "b"]);
  });

  test("come back after their rest by one request that goes first", () => {
    const { endpoints, wait } = endpointsOf("a", "b");
    use(endpoints, overloaded);
    wait(30_000);
    const trial = endpoints.acquire(request, []);
    expect([trial?.name, use(endpoints, answered)]).toEqual(["a", "b"]);
    trial?.release(answered);
    expect(use(endpoints, answered)).toBe("a");
  });

  test("do not rest for what concerns a key alone", () => {
    const { endpoints } = endpointsOf("a", "b");
    for (const outcome of [keyRefused, { kind: "failed" }, { kind: "abandoned" }] as const) {
      expect(use(endpoints, outcome)).toBe("a");
    }
    expect(use(endpoints, answered)).toBe("a");
  });
});
