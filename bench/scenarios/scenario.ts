/** What can be asked of the subjects, and the form of the answers. */
import type { CorePlan } from "../measure/cores.ts";
import type { Load } from "../load/load.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Where and how long it is measured. */
export interface Bench {
  readonly cores: CorePlan;
  readonly upstream: Upstream;
  readonly load: Load;
  /** The baseline first. */
  readonly subjects: readonly Subject[];
  readonly pairs: number;
  /** Of one measurement. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Of the requests that a scenario wants to have seen before it measures. */
  readonly warmUpShare: number;
  readonly scratch: string;
}

export interface Scenario {
  readonly name: string;
  readonly question: string;
  /** What we hold ourselves to, beside nginx: `at most 1.6`. */
  readonly goal?: string;
  measure(bench: Bench): Promise<readonly Row[]>;
}

export interface Row {
  readonly subject: string;
  readonly unit: string;
  /** One of each pair, in order; empty: not measured. */
  readonly values: readonly number[];
  readonly note?: string;
  /** It answered wrongly or not at all; the note says how. */
  readonly failed?: boolean;
  /** Compared with the row of the baseline that has the same topic: `p50`. */
  readonly topic?: string;
}
