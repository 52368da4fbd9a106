/** What rests, for how long and why: a key, its account, or either for one model. */
import type { Failure } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import type { ModelFacts } from "./models.ts";
import * as cells from "./state/cell.ts";
import { TICK_MS, kinds, type Kind } from "./state/cell.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";

/** Answers into a field, so that a good request allocates nothing. */
export interface RestFinding {
  /** The heaviest reason: not allowed, then money, then a limit, then a limit that is only about to come. */
  kind: number;
  /** Ticks until the last of them ends. */
  ticks: number;
  isReturning: boolean;
}

/** A deadline from the provider, kept in bounds even if whoever told it has none: a day. */
const LONGEST_MS = 86_400_000;
const minute = 60_000;

/** Where the answer tells no wait: the first, and the most after doubling. */
const growing = {
  limited: [15_000, 5 * minute],
  outOfMoney: [5 * minute, 60 * minute],
} as const;

export class Rests {
  readonly #state: KeyState;
  readonly #random: () => number;
  readonly #cells = [0, 0, 0, 0];

  constructor(state: KeyState, random: () => number) {
    this.#state = state;
    this.#random = random;
  }

  find(entry: Entry, model: ModelFacts, version: number, now: number, into: RestFinding): RestFinding {
    into.kind = kinds.none;
    into.ticks = 0;
    into.isReturning = false;
    const { words } = this.#state;
    if (this.#isUntouched(entry, now)) return into;
    const found = this.#cellsOf(entry, model, now);
    for (let i = 0; i < found.length; i++) {
      const cell = found[i] ?? 0;
      if (cell === 0) continue;
      const asked = versionFor(entry, i, version);
      const ticks = cells.restOf(words, cell, now, asked);
      if (ticks === 0) {
        if (cells.isReturning(words, cell, now, asked)) into.isReturning = true;
        continue;
      }
      const kind = cells.kindOf(words, cell);
      if (gravity(kind) > gravity(into.kind)) into.kind = kind;
      // What is only about to come holds nobody up for long.
      if (kind !== kinds.exhausted) into.ticks = Math.max(into.ticks, ticks);
    }
    return into;
  }

  /** One mark for each returning cell. Undefined: somebody else is trying one of them. */
  claimTrials(entry: Entry, model: ModelFacts, version: number, now: number): number[] | undefined {
    const { words } = this.#state;
    const claims: number[] = [];
    const found = this.#cellsOf(entry, model, now);
    for (let i = 0; i < found.length; i++) {
      const cell = found[i] ?? 0;
      if (cell === 0 || !cells.isReturning(words, cell, now, versionFor(entry, i, version))) continue;
      const mine = cells.claimTrial(words, cell, now);
      if (mine === 0) {
        this.releaseTrials(claims);
        return undefined;
      }
      claims.push(cell, mine);
    }
    return claims;
  }

  releaseTrials(claims: readonly number[]): void {
    for (let i = 0; i < claims.length; i += 2)
      cells.releaseTrial(this.#state.words, claims[i] ?? 0, claims[i + 1] ?? 0);
  }

  /** A success: ends the rests that were over when its request began. */
  settle(entry: Entry, model: ModelFacts, began: number): void {
    if (this.#isUntouched(entry, began)) return;
    const found = this.#cellsOf(entry, model, began);
    for (const cell of found) if (cell !== 0) cells.settle(this.#state.words, cell, began);
  }

  /** Puts to rest what the failure touches. False: it touches no key. */
  apply(entry: Entry, failure: Failure, model: ModelFacts, version: number, nowMs: number): boolean {
    const now = this.#state.ticks(nowMs);
    if (failure.class === "notAllowed") {
      const ms = failure.waitMs ?? (failure.confirmed ? 60 : 10) * minute;
      this.#restModel(entry.slot, model, nowMs, () => ms, kinds.notAllowed, version);
      return true;
    }
    if (failure.class !== "limited" && failure.class !== "outOfMoney") return false;
    // Money that only a text tells of rests like a limit: the caller may come back.
    const kind = failure.class === "outOfMoney" && failure.confirmed ? kinds.outOfMoney : kinds.limited;
    const [first, most] = growing[failure.class];
    const wait = (cell: number) => failure.waitMs ?? this.#grow(first, most, cell, now);
    const own = entry.scopeSlot === entry.slot;
    if (failure.scope === "keyModel") {
      this.#restModel(entry.scopeSlot, model, nowMs, wait, kind, own ? version : 0);
    } else if (failure.scope === "scope") {
      this.#rest(this.#state.wordAt(entry.scopeSlot, slot.account), nowMs, wait, kind, own ? version : 0);
    } else if (failure.scope === "key") {
      this.#rest(this.#state.wordAt(entry.slot, slot.key), nowMs, wait, kind, version);
    } else return false;
    return true;
  }

  /** The provider says that nothing is left for this model for a while. */
  exhaust(entry: Entry, model: ModelFacts, version: number, nowMs: number, ms: number): void {
    const own = entry.scopeSlot === entry.slot;
    this.#restModel(entry.scopeSlot, model, nowMs, () => ms, kinds.exhausted, own ? version : 0);
  }

  forgive(entry: Entry): void {
    for (const index of [entry.slot, entry.scopeSlot]) {
      cells.clear(this.#state.words, this.#state.wordAt(index, slot.key));
      cells.clear(this.#state.words, this.#state.wordAt(index, slot.account));
      this.#state.marks.forget(index);
    }
  }

  #restModel(
    index: number,
    model: ModelFacts,
    nowMs: number,
    wait: (cell: number) => number,
    kind: Kind,
    version: number,
  ): void {
    const now = this.#state.ticks(nowMs);
    const known = this.#state.findMark(index, model, now);
    const until = now + this.#ticksOf(nowMs, wait(known));
    const cell = this.#state.makeMark(index, model, model.name, now, until);
    if (cell !== 0) cells.rest(this.#state.words, cell, now, until - now, kind, version);
  }

  #rest(cell: number, nowMs: number, wait: (cell: number) => number, kind: Kind, version: number): void {
    cells.rest(this.#state.words, cell, this.#state.ticks(nowMs), this.#ticksOf(nowMs, wait(cell)), kind, version);
  }

  /** Rounded up, from the moment itself and not from the tick's beginning, so that no rest ends early. */
  #ticksOf(nowMs: number, waitMs: number): number {
    const ms = Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), LONGEST_MS) : LONGEST_MS;
    return Math.max(1, this.#state.ticks(nowMs + ms + TICK_MS - 1) - this.#state.ticks(nowMs));
  }

  /** Up to a fifth more, so that those who wait do not come back together. */
  #grow(first: number, most: number, cell: number, now: number): number {
    const strikes = cell === 0 ? 0 : cells.strikesOf(this.#state.words, cell, now);
    return Math.min(first * 2 ** strikes, most) * (1 + 0.2 * this.#random());
  }

  /** Nothing has been held against it lately: nearly always so. */
  #isUntouched(entry: Entry, now: number): boolean {
    const { slot: index, scopeSlot } = entry;
    return (
      this.#state.peek(index, slot.key) === 0 &&
      this.#state.peek(scopeSlot, slot.account) === 0 &&
      this.#state.peek(index, slot.marksUntil) <= now &&
      (index === scopeSlot || this.#state.peek(scopeSlot, slot.marksUntil) <= now)
    );
  }

  /** The four cells that may hold a request up; 0 where there is none. The same array each time. */
  #cellsOf(entry: Entry, model: ModelFacts, now: number): readonly number[] {
    const own = entry.scopeSlot === entry.slot;
    this.#cells[0] = this.#state.wordAt(entry.slot, slot.key);
    this.#cells[1] = this.#state.wordAt(entry.scopeSlot, slot.account);
    this.#cells[2] = this.#state.findMark(entry.slot, model, now);
    this.#cells[3] = own ? 0 : this.#state.findMark(entry.scopeSlot, model, now);
    return this.#cells;
  }
}

/** A newer version of a key starts afresh. An account's state is not the key's: it asks whatever the version. */
function versionFor(entry: Entry, cell: number, version: number): number {
  return cell % 2 === 1 && entry.scopeSlot !== entry.slot ? 0 : version;
}

function gravity(kind: number): number {
  if (kind === kinds.notAllowed) return 4;
  if (kind === kinds.outOfMoney) return 3;
  if (kind === kinds.limited) return 2;
  return kind === kinds.exhausted ? 1 : 0;
}
