/** What clients have sent and what became of it: each request comes to one end, and what went wrong unprovoked is kept. */
import type { Account } from "./counters.ts";
import { Spells } from "./spells.ts";

export type Outcome =
  /** `wrong`: in what it is not as it should be. */
  | { readonly kind: "answered"; readonly status: number; readonly wrong?: string | undefined }
  /** 503 `overloaded`. */
  | { readonly kind: "shed" }
  /** No HTTP, and told so: it never became a request. */
  | { readonly kind: "refused" }
  /** The client went away in the middle, on purpose. */
  | { readonly kind: "left" }
  /** The connection was lost without an answer. */
  | { readonly kind: "lost"; readonly wrong: string };

export interface Entry {
  /** What kind of request it was. */
  readonly name: string;
  readonly id: string;
  readonly beganMs: number;
  /** It was made to fail: any answer will do. */
  readonly isProvoked?: boolean | undefined;
  readonly outcome: Outcome;
}

export class Ledger {
  /** Of times in which any connection may be lost. */
  readonly deaths = new Spells();
  /** Of times in which any request may be shed. */
  readonly bursts = new Spells();
  readonly failures: string[] = [];
  readonly answered = new Map<number, number>();
  readonly sentByName = new Map<string, number>();
  readonly ends = { answered: 0, shed: 0, refused: 0, left: 0, lost: 0 };
  provoked = 0;
  readonly act: string;
  #ids = 0;

  constructor(act: string) {
    this.act = act;
  }

  get sent(): number {
    return Object.values(this.ends).reduce((sum, count) => sum + count, 0);
  }

  /** As the gateway should have counted it. */
  get account(): Account {
    const { left, shed, refused } = this.ends;
    return { answered: Object.fromEntries(this.answered), cancelled: left, shed, malformed: refused };
  }

  /** Beginning with the name of the act: the access log tells the acts apart by it. */
  nextId(): string {
    return `${this.act}-${++this.#ids}`;
  }

  enter(entry: Entry): void {
    const { name, id, outcome } = entry;
    this.ends[outcome.kind] += 1;
    count(this.sentByName, name);
    if (outcome.kind === "answered") count(this.answered, outcome.status);
    const wrong = wrongIn(outcome);
    if (wrong === undefined) return;
    if (this.#isProvoked(entry)) this.provoked += 1;
    else this.failures.push(`${name} ${id}: ${wrong}`);
  }

  #isProvoked({ isProvoked = false, beganMs, outcome }: Entry): boolean {
    if (outcome.kind === "shed") return this.bursts.touched(beganMs);
    // A made failure is answered nevertheless: the gateway itself loses nobody.
    return (isProvoked && outcome.kind === "answered") || this.deaths.touched(beganMs);
  }
}

function wrongIn(outcome: Outcome): string | undefined {
  if (outcome.kind === "shed") return "503 overloaded";
  return "wrong" in outcome ? outcome.wrong : undefined;
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
