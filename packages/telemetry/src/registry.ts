/** Counters, gauges and histograms of one thread, and how those of several are added up. */
import { TelemetryError } from "./errors.ts";
import { exposition } from "./exposition.ts";
import {
  Family,
  type FamilyData,
  type HistogramOptions,
  type MetricOptions,
  type Series,
  type SeriesData,
} from "./family.ts";

/** A handle on one series: resolve it once, then each call costs an addition. */
export interface Counter {
  add(amount?: number): void;
}
export interface Gauge {
  add(amount?: number): void;
  set(value: number): void;
}
export interface Histogram {
  observe(value: number): void;
}

/** A metric; `labels` gives the handle for label values in the order in which they were declared. */
export interface Metric<Handle> {
  labels(...values: readonly string[]): Handle;
}

export interface GaugeMetric extends Metric<Gauge> {
  /**
   * These are all its series from now on; handles on those before set nothing any more. For one thread alone: `delta()` does
   * not tell of series that have gone.
   */
  replace(series: Iterable<readonly [labels: readonly string[], value: number]>): void;
}

/** Plain and cloneable: what a worker thread sends to the main thread. */
export type MetricsDelta = readonly FamilyData[];

export interface Registry {
  /** Throws METRIC_INVALID; METRIC_MISMATCH when the name exists as something else. The same again is the same metric. */
  counter(options: MetricOptions): Metric<Counter>;
  gauge(options: MetricOptions): GaugeMetric;
  histogram(options: HistogramOptions): Metric<Histogram>;
  /** All that was counted, as one delta. */
  snapshot(): MetricsDelta;
  /** What was counted since the last `delta()`: only series that changed. */
  delta(): MetricsDelta;
  /**
   * Adds another thread's delta; gauges are added, too. With `origin`, its gauges are remembered for `forget`.
   * Throws METRIC_MISMATCH.
   */
  merge(delta: MetricsDelta, origin?: string): void;
  /** The thread is gone: what it counted stays, what its gauges held goes. */
  forget(origin: string): void;
  /** Prometheus' text format 0.0.4. */
  expose(): string;
}

export function createRegistry(): Registry {
  const families = new Map<string, Family>();
  const gauges = new Map<string, Map<Series, number>>();

  const family = (made: Family): Family => {
    const known = families.get(made.name);
    known?.mustMatch(made);
    if (known === undefined) families.set(made.name, made);
    return known ?? made;
  };
  const metric = <Handle>(made: Family, handle: (series: Series) => Handle): Metric<Handle> => {
    const known = family(made);
    return { labels: (...values) => handle(known.series(values)) };
  };

  return {
    counter: (options) => metric(new Family("counter", options), counterOf),
    gauge(options) {
      const known = family(new Family("gauge", options));
      return {
        labels: (...values) => gaugeOf(known.series(values)),
        replace(series) {
          known.clear();
          for (const [labels, value] of series) known.series(labels).value = value;
        },
      };
    },
    histogram(options) {
      const made = new Family("histogram", options);
      return metric(made, (series) => histogramOf(series, made.buckets));
    },
    snapshot: () => [...families.values()].map((each) => ({ ...describe(each), series: each.all.map(whole) })),
    delta: () =>
      [...families.values()]
        .map((each) => ({ ...describe(each), series: each.all.filter(hasChanged).map(takeChange) }))
        .filter((each) => each.series.length > 0),
    merge(delta, origin) {
      for (const data of delta) {
        const into = families.get(data.name) ?? family(new Family(data.type, data));
        into.mustMatch(data);
        for (const part of data.series) {
          const series = into.series(part.labels);
          addTo(series, part);
          if (data.type === "gauge" && origin !== undefined) remember(gauges, origin, series, part.value);
        }
      }
    },
    forget(origin) {
      for (const [series, value] of gauges.get(origin) ?? []) series.value -= value;
      gauges.delete(origin);
    },
    expose: () => exposition([...families.values()]),
  };
}

function counterOf(series: Series): Counter {
  return {
    add(amount = 1) {
      // A counter never falls, or rates over it would be nonsense.
      if (amount > 0 && amount !== Infinity) series.value += amount;
    },
  };
}

function gaugeOf(series: Series): Gauge {
  return {
    add(amount = 1) {
      series.value += amount;
    },
    set(value) {
      series.value = value;
    },
  };
}

function histogramOf(series: Series, buckets: readonly number[]): Histogram {
  return {
    observe(value) {
      if (!Number.isFinite(value)) return;
      // Few buckets, most values small: a walk from below is faster than a binary search.
      let index = 0;
      while (index < buckets.length && value > (buckets[index] ?? 0)) index++;
      series.counts[index] = (series.counts[index] ?? 0) + 1;
      series.value += value;
    },
  };
}

function describe({ name, help, type, labels, buckets }: Family): Omit<FamilyData, "series"> {
  return { name, help, type, labels, buckets };
}

function whole({ labels, value, counts }: Series): SeriesData {
  return { labels, value, counts: [...counts] };
}

function hasChanged(series: Series): boolean {
  return series.value !== series.toldValue || series.counts.some((count, index) => count !== series.toldCounts[index]);
}

function takeChange(series: Series): SeriesData {
  const value = series.value - series.toldValue;
  const counts = series.counts.map((count, index) => count - (series.toldCounts[index] ?? 0));
  series.toldValue = series.value;
  for (const [index, count] of series.counts.entries()) series.toldCounts[index] = count;
  return { labels: series.labels, value, counts };
}

function addTo(series: Series, part: SeriesData): void {
  if (part.counts.length !== series.counts.length) {
    throw new TelemetryError("METRIC_MISMATCH", `expected ${series.counts.length} buckets, got ${part.counts.length}`);
  }
  series.value += part.value;
  for (const [index, count] of part.counts.entries()) series.counts[index] = (series.counts[index] ?? 0) + count;
}

function remember(gauges: Map<string, Map<Series, number>>, origin: string, series: Series, value: number): void {
  const held = gauges.get(origin) ?? new Map<Series, number>();
  held.set(series, (held.get(series) ?? 0) + value);
  gauges.set(origin, held);
}
