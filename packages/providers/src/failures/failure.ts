/** What a provider's refusal means for the key that was sent, and how a rule says so. */
import type { Failure } from "@keybearer/secrets";

export type FailureClass = Failure["class"];
export type FailureScope = Failure["scope"];

/** One row of the table. All of its conditions must hold; a condition that is absent holds. */
export interface FailureRule {
  /** Stable; stands in logs. */
  readonly name: string;
  /** Names as in `provider`, lower case. Absent: any provider. */
  readonly providers?: readonly string[];
  readonly statuses?: readonly StatusRange[];
  /** One of these stands where the provider puts codes: lower case; a `*` at the end or the beginning matches the rest. */
  readonly codes?: readonly string[];
  readonly text?: RegExp;
  /** The body is an HTML page. */
  readonly html?: true;
  readonly class: FailureClass;
  readonly scope: FailureScope;
  /** Where the answer names no wait. */
  readonly waitMs?: number;
  /** Where it takes the answer's wait as it is up to a day, as for limits by the day. */
  readonly daily?: true;
  /** Other accounts may know what this one does not: their keys are tried, each once, and no key's state is touched. */
  readonly elsewhere?: true;
  /** What it means, for people. */
  readonly note: string;
}

/** A status, or the first and the last of several. 0: no answer came. */
export type StatusRange = number | readonly [first: number, last: number];
