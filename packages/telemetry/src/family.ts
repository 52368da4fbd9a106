/** One metric with all its series: bounded in number, each reached through a handle. */
import { TelemetryError } from "./errors.ts";
import { LabelTree } from "./label-tree.ts";

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricOptions {
  /** `agentgateway_requests_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[] | undefined;
  /** Series beyond this number are counted together, with every label `other`. Default 2000. */
  readonly maxSeries?: number | undefined;
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, rising, without infinity. */
  readonly buckets: readonly number[];
}

/** One metric in a delta. */
export interface FamilyData {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
  readonly series: readonly SeriesData[];
}

export interface SeriesData {
  readonly labels: readonly string[];
  /** Of a counter or gauge. Of a histogram: the sum of what was observed. */
  readonly value: number;
  /** Of a histogram: how many fell into each bucket (not cumulative), the last beyond all bounds. Else empty. */
  readonly counts: readonly number[];
}

/** The numbers of one series, and what of them was already told by `delta()`. */
export interface Series {
  readonly labels: readonly string[];
  value: number;
  readonly counts: number[];
  toldValue: number;
  readonly toldCounts: number[];
}

export const OTHER = "other";
const DEFAULT_MAX_SERIES = 2000;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)(?!le$)[a-zA-Z_][a-zA-Z0-9_]*$/;

export class Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
  readonly all: Series[] = [];
  #tree = new LabelTree<Series>();
  readonly #maxSeries: number;

  /** Throws METRIC_INVALID. */
  constructor(type: MetricType, options: MetricOptions & { readonly buckets?: readonly number[] }) {
    const { name, help, labels = [], buckets = [], maxSeries = DEFAULT_MAX_SERIES } = options;
    const rising = buckets.every((bound, index) => Number.isFinite(bound) && bound > (buckets[index - 1] ?? -Infinity));
    if (!METRIC_NAME.test(name)) throw new TelemetryError("METRIC_INVALID", `not a metric's name: ${name}`);
    if (!labels.every((label) => LABEL_NAME.test(label)) || new Set(labels).size < labels.length) {
      throw new TelemetryError("METRIC_INVALID", `${name}: not labels' names: ${labels.join(", ")}`);
    }
    if (!rising) throw new TelemetryError("METRIC_INVALID", `${name}: buckets must be finite and rise`);
    this.name = name;
    this.help = help;
    this.type = type;
    this.labels = [...labels];
    this.buckets = [...buckets];
    this.#maxSeries = maxSeries;
  }

  /** The series of these label values; a new one while there is room, else the one that is called `other`. */
  series(values: readonly string[]): Series {
    return this.#tree.get(values) ?? this.#newSeries(values);
  }

  /** Whoever still holds one of its series holds a number that nobody reads. */
  clear(): void {
    this.all.length = 0;
    this.#tree = new LabelTree<Series>();
  }

  /** Throws METRIC_MISMATCH unless the other one is the same metric. */
  mustMatch(other: Pick<FamilyData, "type" | "labels" | "buckets">): void {
    const same =
      other.type === this.type &&
      other.labels.join() === this.labels.join() &&
      other.buckets.join() === this.buckets.join();
    if (!same) throw new TelemetryError("METRIC_MISMATCH", `${this.name} exists with another type, labels or buckets`);
  }

  #newSeries(values: readonly string[]): Series {
    if (values.length !== this.labels.length) {
      throw new TelemetryError(
        "METRIC_MISMATCH",
        `${this.name} has ${this.labels.length} labels, got ${values.length}`,
      );
    }
    // Halves of surrogate pairs would be written as the same character: two series of one name.
    const clean = values.map((value) => value.toWellFormed());
    const known = this.#tree.get(clean);
    if (known !== undefined) return known;
    const full = this.all.length >= this.#maxSeries;
    const labels = full ? clean.map(() => OTHER) : clean;
    return (full ? this.#tree.get(labels) : undefined) ?? this.#add(labels);
  }

  #add(labels: readonly string[]): Series {
    const zeros = () => (this.type === "histogram" ? Array.from({ length: this.buckets.length + 1 }, () => 0) : []);
    const series: Series = { labels, value: 0, counts: zeros(), toldValue: 0, toldCounts: zeros() };
    this.#tree.set(labels, series);
    this.all.push(series);
    return series;
  }
}
