/** One key for one attempt. */
import type { Outcome, SecretVersion } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import type { ModelFacts } from "./models.ts";
import { renewKey } from "./renew.ts";
import type { KeyLease } from "./settings.ts";

/** What the ring notes of a lease while it is out. */
export interface LeaseNotes {
  readonly entry: Entry;
  readonly model: ModelFacts;
  readonly version: SecretVersion;
  /** The tick at which it was taken. */
  readonly began: number;
  /** Trials that it holds; empty when its outcome is known. */
  claims: readonly number[];
  /** It tests a refused version. */
  readonly isProbe: boolean;
}

export interface LeaseKeeper {
  learn(notes: LeaseNotes, outcome: Outcome): void;
  giveBack(notes: LeaseNotes): void;
  pin(notes: LeaseNotes, responseId: string): void;
}

export class RingLease implements KeyLease {
  readonly name: string;
  readonly source: string;
  readonly version: SecretVersion;
  readonly #notes: LeaseNotes;
  readonly #keeper: LeaseKeeper;
  #isOut = true;
  #hasAnswered = false;

  constructor(notes: LeaseNotes, keeper: LeaseKeeper) {
    this.name = notes.entry.name;
    this.source = notes.entry.source;
    this.version = notes.version;
    this.#notes = notes;
    this.#keeper = keeper;
  }

  report(outcome: Outcome): void {
    if (!this.#isOut) return;
    if (outcome.kind === "answered") this.#hasAnswered = true;
    this.#keeper.learn(this.#notes, outcome);
  }

  release(outcome: Outcome): void {
    if (!this.#isOut) return;
    this.#isOut = false;
    this.#keeper.giveBack(this.#notes);
    // What the head of an answer told, its end does not tell anew: much may have been learnt in between.
    if (!(this.#hasAnswered && outcome.kind === "answered")) this.#keeper.learn(this.#notes, outcome);
  }

  pin(responseId: string): void {
    this.#keeper.pin(this.#notes, responseId);
  }

  renew(): Promise<boolean> {
    return renewKey(this.#notes.entry.handle, this.version.id);
  }
}
