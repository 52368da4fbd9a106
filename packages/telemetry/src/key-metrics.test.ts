import { expect, test } from "vitest";
import { createKeyMetrics, createRegistry, type KeyReading } from "./index.ts";

const none = { new: 0, same: 0, failed: 0 };

function measured() {
  const registry = createRegistry();
  const metrics = createKeyMetrics(registry, ["healthy", "cooling", "quarantined"]);
  const lines = (about: string) =>
    registry
      .expose()
      .split("\n")
      .filter((line) => line.startsWith(`keybearer_key_${about}{`));
  return { registry, metrics, lines };
}

function reading(name: string, more: Partial<KeyReading> = {}): KeyReading {
  return { name, state: "healthy", ageSeconds: 60, inFlight: 0, refreshes: { of: {}, counts: none }, ...more };
}

test("a key has a series for each state, and is in one of them", () => {
  const { metrics, lines } = measured();
  metrics.update([reading("a")]);
  metrics.update([reading("a", { state: "cooling" })]);
  expect(lines("state")).toEqual([
    'keybearer_key_state{key="a",state="healthy"} 0',
    'keybearer_key_state{key="a",state="cooling"} 1',
    'keybearer_key_state{key="a",state="quarantined"} 0',
  ]);
});

test("a key without a version has no age, and one that is gone leaves nothing but what it has counted", () => {
  const { metrics, lines } = measured();
  const refreshes = { of: {}, counts: { ...none, failed: 2 } };
  metrics.update([reading("a", { inFlight: 3, refreshes }), reading("b", { ageSeconds: undefined })]);
  expect(lines("age_seconds")).toEqual(['keybearer_key_age_seconds{key="a"} 60']);
  expect(lines("in_flight")).toEqual(['keybearer_key_in_flight{key="a"} 3', 'keybearer_key_in_flight{key="b"} 0']);
  metrics.update([reading("b")]);
  for (const gauge of ["state", "age_seconds", "in_flight"]) expect(lines(gauge).join()).not.toContain('key="a"');
  expect(lines("refreshes_total")).toContain('keybearer_key_refreshes_total{key="a",result="failed"} 2');
  metrics.update([]);
  expect(lines("state")).toEqual([]);
});

test("refreshes are counted once each, whoever counts them and however often they are told", () => {
  const { metrics, lines } = measured();
  const shared = {};
  const tell = (of: object, counts: Partial<typeof none>) => {
    const refreshes = { of, counts: { ...none, ...counts } };
    metrics.update([reading("a", { refreshes }), reading("b", { refreshes })]);
  };
  tell(shared, { new: 1 });
  tell(shared, { new: 1 });
  tell(shared, { new: 2, same: 5 });
  // The config names another source for both, and then the first again.
  tell({}, { new: 1, failed: 1 });
  tell(shared, { new: 3, same: 5 });
  for (const key of ["a", "b"]) {
    expect(lines("refreshes_total")).toEqual(
      expect.arrayContaining([
        `keybearer_key_refreshes_total{key="${key}",result="new"} 4`,
        `keybearer_key_refreshes_total{key="${key}",result="same"} 5`,
        `keybearer_key_refreshes_total{key="${key}",result="failed"} 1`,
      ]),
    );
  }
});

test("more keys than a metric has series by default are all told of", () => {
  const { metrics, lines } = measured();
  metrics.update(Array.from({ length: 2500 }, (_, index) => reading(`key-${index}`)));
  expect(lines("in_flight")).toHaveLength(2500);
  expect(lines("state")).toHaveLength(7500);
});
