import { Worker } from "node:worker_threads";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRegistry, TelemetryError, type MetricsDelta, type Registry } from "./index.ts";

const REQUESTS = { name: "requests_total", help: "Requests.", labels: ["method", "route"] };
const SECONDS = { name: "seconds", help: "Seconds.", labels: ["route"], buckets: [1, 2, 5] };

/** One series or one header a line, as Prometheus' text format has it. */
const SAMPLE =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*\})? (?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/;

describe("exposition", () => {
  test("counters, gauges and histograms as Prometheus reads them", () => {
    const registry = createRegistry();
    registry.counter(REQUESTS).labels("GET", 'a"b\\c\nd').add(2);
    registry.gauge({ name: "open", help: "Open\nnow \\." }).labels().set(-1.5);
    const seconds = registry.histogram(SECONDS).labels("r");
    for (const value of [0.5, 1, 1.5, 9]) seconds.observe(value);
    expect(registry.expose()).toBe(
      String.raw`# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",route="a\"b\\c\nd"} 2
# HELP open Open\nnow \\.
# TYPE open gauge
open -1.5
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{route="r",le="1"} 2
seconds_bucket{route="r",le="2"} 3
seconds_bucket{route="r",le="5"} 3
seconds_bucket{route="r",le="+Inf"} 4
seconds_sum{route="r"} 12
seconds_count{route="r"} 4
`,
    );
  });

  test("every line parses and no series stands twice, whatever the labels' values", () => {
    const value = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, fc.double()), { maxLength: 10 }), (events) => {
        const registry = createRegistry();
        for (const [method, route, amount] of events) {
          registry.counter(REQUESTS).labels(method, route).add(amount);
          registry
            .gauge({ name: "open", help: "o", labels: ["a", "b"] })
            .labels(method, route)
            .set(amount);
          registry.histogram(SECONDS).labels(route).observe(amount);
        }
        const lines = registry.expose().split("\n");
        expect(lines.pop()).toBe("");
        for (const line of lines) if (!line.startsWith("# ")) expect(line).toMatch(SAMPLE);
        const names = Buffer.from(lines.join("\n"))
          .toString()
          .split("\n")
          .map((line) => line.replace(/ [^ ]+$/, ""));
        expect(new Set(names.filter((name) => !name.startsWith("#"))).size).toBe(
          names.filter((name) => !name.startsWith("#")).length,
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe("series", () => {
  test("the same labels are the same series, and no two label lists collide", () => {
    const registry = createRegistry();
    registry.counter(REQUESTS).labels("a", "b,c").add();
    registry.counter(REQUESTS).labels("a,b", "c").add();
    registry.counter(REQUESTS).labels("a", "b,c").add();
    expect(registry.snapshot()[0]?.series.map((series) => [series.labels, series.value])).toEqual([
      [["a", "b,c"], 2],
      [["a,b", "c"], 1],
    ]);
  });

  test("halves of surrogate pairs, which are written as the same character, are one series", () => {
    const registry = createRegistry();
    for (const half of ["\ud800", "\ud801", "\ufffd"]) registry.counter(REQUESTS).labels("GET", half).add();
    expect(registry.snapshot()[0]?.series.map((series) => [series.labels[1], series.value])).toEqual([["\ufffd", 3]]);
  });

  test("beyond maxSeries all is counted as other, and nothing is lost", () => {
    const registry = createRegistry();
    const counter = registry.counter({ ...REQUESTS, maxSeries: 3 });
    for (let index = 0; index < 100; index++) counter.labels("GET", `route${index}`).add();
    const [family] = registry.snapshot();
    expect(family?.series.map((series) => [series.labels[1], series.value])).toEqual([
      ["route0", 1],
      ["route1", 1],
      ["route2", 1],
      ["other", 97],
    ]);
  });

  test("a counter never falls and a histogram takes no infinity", () => {
    const registry = createRegistry();
    const counter = registry.counter(REQUESTS).labels("a", "b");
    for (const amount of [1, -5, Number.NaN, Infinity]) counter.add(amount);
    const histogram = registry.histogram(SECONDS).labels("r");
    for (const value of [Number.NaN, Infinity]) histogram.observe(value);
    expect(registry.snapshot().map((family) => family.series[0]?.value)).toEqual([1, 0]);
  });

  test("a gauge's series can be replaced: those that are not named are gone, and a handle on them sets nothing", () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: "open", help: "o", labels: ["bind"] });
    const old = gauge.labels("a");
    old.set(5);
    gauge.replace([
      [["b"], 1],
      [["c"], 0],
    ]);
    old.set(7);
    const series = () => registry.snapshot()[0]?.series.map(({ labels: [bind], value }) => [bind, value]);
    expect(series()).toEqual([
      ["b", 1],
      ["c", 0],
    ]);
    gauge.labels("a").add(2);
    gauge.labels("b").add(2);
    expect(series()).toEqual([
      ["b", 3],
      ["c", 0],
      ["a", 2],
    ]);
    gauge.replace([]);
    expect(registry.expose()).toBe("");
  });

  test("a wrong name, label or bucket, and the same name as something else, are refused by code", () => {
    const registry = createRegistry();
    registry.counter(REQUESTS);
    const codes = [
      () => registry.counter({ name: "a b", help: "" }),
      () => registry.counter({ name: "a", help: "", labels: ["le"] }),
      () => registry.counter({ name: "a", help: "", labels: ["x", "x"] }),
      () => registry.histogram({ ...SECONDS, buckets: [2, 1] }),
      () => registry.gauge(REQUESTS),
      () => registry.counter({ ...REQUESTS, labels: ["method"] }),
      () => registry.counter(REQUESTS).labels("GET"),
    ].map((attempt) => {
      try {
        attempt();
        return "accepted";
      } catch (error) {
        return TelemetryError.is(error) && error.code;
      }
    });
    expect(codes).toEqual([
      ...Array.from({ length: 4 }, () => "METRIC_INVALID"),
      ...Array.from({ length: 3 }, () => "METRIC_MISMATCH"),
    ]);
  });
});

type Event = readonly ["requests" | "seconds" | "open", string, number];

function apply(registry: Registry, [kind, label, amount]: Event): void {
  if (kind === "requests") registry.counter(REQUESTS).labels("GET", label).add(amount);
  else if (kind === "seconds") registry.histogram(SECONDS).labels(label).observe(amount);
  else
    registry
      .gauge({ name: "open", help: "", labels: ["bind"] })
      .labels(label)
      .add(amount);
}

function sorted(data: MetricsDelta): unknown {
  return data
    .map((family) => ({
      ...family,
      series: family.series.toSorted((a, b) => (a.labels.join() < b.labels.join() ? -1 : 1)),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

describe("deltas", () => {
  const event: fc.Arbitrary<Event> = fc.tuple(
    fc.constantFrom("requests", "seconds", "open"),
    fc.constantFrom("a", "b", "c"),
    fc.integer({ min: 0, max: 9 }),
  );

  test("of any number of threads, told at any time, add up to what one thread would have counted", () => {
    const told = fc.record({ event, thread: fc.nat({ max: 2 }), tell: fc.boolean() });
    fc.assert(
      fc.property(fc.array(told, { maxLength: 40 }), (steps) => {
        const whole = createRegistry();
        const main = createRegistry();
        const threads = [createRegistry(), createRegistry(), createRegistry()];
        for (const { event, thread, tell } of steps) {
          apply(whole, event);
          apply(threads[thread]!, event);
          if (tell) main.merge(structuredClone(threads[thread]!.delta()), `thread ${thread}`);
        }
        for (const thread of threads) main.merge(thread.delta());
        for (const thread of threads) expect(thread.delta()).toEqual([]);
        const changed = (data: MetricsDelta) =>
          data.map((f) => ({ ...f, series: f.series.filter((s) => s.value !== 0 || s.counts.some((n) => n > 0)) }));
        const present = (data: MetricsDelta) => changed(data).filter((family) => family.series.length > 0);
        expect(sorted(present(main.snapshot()))).toEqual(sorted(present(whole.snapshot())));
      }),
      { numRuns: 150 },
    );
  });

  test("what a dead thread's gauges held is forgotten, what it counted stays", () => {
    const main = createRegistry();
    const thread = createRegistry();
    for (const step of [
      ["open", "b", 3],
      ["requests", "b", 5],
    ] as const)
      apply(thread, step);
    main.merge(thread.delta(), "thread 1");
    apply(thread, ["open", "b", -1]);
    main.merge(thread.delta(), "thread 1");
    apply(main, ["open", "b", 10]);
    main.forget("thread 1");
    main.forget("thread 1");
    expect(main.snapshot().map((family) => [family.name, family.series[0]?.value])).toEqual([
      ["open", 10],
      ["requests_total", 5],
    ]);
  });

  test("a delta of another shape is refused", () => {
    const main = createRegistry();
    main.counter({ ...REQUESTS, labels: [] });
    const thread = createRegistry();
    apply(thread, ["requests", "a", 1]);
    expect(() => main.merge(thread.delta())).toThrow(expect.objectContaining({ code: "METRIC_MISMATCH" }));
  });

  test("a delta crosses from a worker thread", async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       import(workerData).then(({ createRegistry }) => {
         const registry = createRegistry();
         registry.counter({ name: "n_total", help: "n" }).labels().add(3);
         parentPort.postMessage(registry.delta());
       });`,
      { eval: true, workerData: new URL("index.ts", import.meta.url).href },
    );
    const delta = await new Promise<MetricsDelta>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
    const main = createRegistry();
    main.merge(delta);
    expect(main.expose()).toContain("\nn_total 3\n");
  });
});
