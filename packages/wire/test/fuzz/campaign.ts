/** Many cases in one direction, from one seed. */
import { compare, type Comparison, type Direction } from "./compare.ts";
import { requestCorpus } from "./corpus/requests.ts";
import { responseCorpus } from "./corpus/responses.ts";
import { ordinary, withSentinel } from "./messages.ts";
import { mutate, splice } from "./mutate.ts";
import { Random } from "./random.ts";
import type { Case } from "./reading.ts";
import { printable, shrink } from "./report.ts";

export const CORPUS: Readonly<Record<Direction, readonly Case[]>> = {
  requests: requestCorpus,
  responses: responseCorpus,
};

export interface Outcome {
  cases: number;
  /** Messages that wire took, and llhttp alike. */
  messages: number;
  /** Cases that wire took to the end. */
  accepted: number;
  /** Of those that wire refused and llhttp did not: how many, by the reason. */
  readonly stricter: Map<string, number>;
  readonly differences: string[];
}

export interface Campaign {
  readonly direction: Direction;
  /** Not 0. */
  readonly seed: number;
  readonly cases: number;
  /** Of the first; to see one case again. */
  readonly first?: number;
  /** Differences after which it ends. */
  readonly enough?: number;
}

export function fuzz({ direction, seed, cases, first = 0, enough = 5 }: Campaign): Outcome {
  const outcome: Outcome = { cases: 0, messages: 0, accepted: 0, stricter: new Map(), differences: [] };
  for (let number = first; number < first + cases && outcome.differences.length < enough; number += 1) {
    const random = new Random(seed, number);
    const { given, isOrdinary } = makeCase(direction, random);
    const said = compare(direction, given, random);
    note(outcome, said);
    const isRefused = said.wire.end !== "open" && said.wire.end !== "over";
    const difference = said.difference ?? (isOrdinary && isRefused ? "an ordinary message is refused" : undefined);
    if (difference) outcome.differences.push(describe({ direction, seed, number, given, difference, said }));
  }
  return outcome;
}

/** The corpus as it stands. */
export function compareCorpus(direction: Direction): Outcome {
  const outcome: Outcome = { cases: 0, messages: 0, accepted: 0, stricter: new Map(), differences: [] };
  for (const [number, plain] of CORPUS[direction].entries()) {
    for (const given of [plain, withSentinel(direction, plain)]) {
      const said = compare(direction, given, new Random(0, number));
      note(outcome, said);
      const { difference } = said;
      if (difference) outcome.differences.push(describe({ direction, seed: 0, number, given, difference, said }));
    }
  }
  return outcome;
}

function makeCase(direction: Direction, random: Random): { given: Case; isOrdinary: boolean } {
  const kind = random.below(10);
  if (kind === 0) return { given: ordinary(direction, random), isOrdinary: true };
  const from = kind < 4 ? random.pick(CORPUS[direction]) : ordinary(direction, random);
  // Of what is very long a case a thousand is enough.
  const one = from.bytes.length > 4096 && random.chance(0.95) ? ordinary(direction, random) : from;
  const other = kind === 9 ? splice(one.bytes, ordinary(direction, random).bytes, random) : one.bytes;
  const mutated = { ...one, bytes: mutate(other, random) };
  return { given: random.chance(0.6) ? withSentinel(direction, mutated) : mutated, isOrdinary: false };
}

function note(outcome: Outcome, { wire, llhttp }: Comparison): void {
  outcome.cases += 1;
  outcome.messages += wire.messages.length;
  if (wire.end === "open" || wire.end === "over") outcome.accepted += 1;
  else if (llhttp.end === "open" || llhttp.end === "over") {
    const reason = `${wire.end}: ${wire.because}`;
    outcome.stricter.set(reason, (outcome.stricter.get(reason) ?? 0) + 1);
  }
}

interface Found {
  readonly direction: Direction;
  readonly seed: number;
  readonly number: number;
  readonly given: Case;
  readonly difference: string;
  readonly said: Comparison;
}

function describe({ direction, seed, number, given, difference, said }: Found): string {
  const again = (smaller: Case) => compare(direction, smaller, new Random(seed, number));
  const kind = kindOf(said.difference);
  const smallest = kind === "" ? given : shrink(given, (smaller) => kindOf(again(smaller).difference) === kind);
  const least = again(smallest);
  return [
    `${direction}, ${seed === 0 ? "corpus" : `seed ${seed}`}, case ${number}: ${difference}`,
    `  bytes   ${printable(given.bytes)}`,
    `  least   ${printable(smallest.bytes)}${given.methods ? ` in answer to ${given.methods.join(" ")}` : ""}`,
    `  which is ${least.difference ?? difference}`,
    `  wire    ${printable(JSON.stringify(least.wire))}`,
    `  llhttp  ${printable(JSON.stringify(least.llhttp))}`,
  ].join("\n");
}

/** Without places and bytes, so that what is made smaller stays the same difference. */
function kindOf(difference = ""): string {
  return difference.replace(/^message \d+: /, "").replace(/[:(].*/s, "");
}
