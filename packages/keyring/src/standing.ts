/** How each key stands at this moment, for one request. */
import type { SecretVersion } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import type { Health } from "./health.ts";
import type { ModelFacts } from "./models.ts";
import type { RestFinding, Rests } from "./rests.ts";
import { kinds } from "./state/cell.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";
import { rateWait } from "./state/rate-window.ts";

export const standings = {
  free: 0,
  /** Back from a rest: one request at a time goes first. */
  returning: 1,
  /** It can serve, but another should: somebody tries it already, or little is left of a limit. */
  later: 2,
  tried: 3,
  cooling: 4,
  outOfMoney: 5,
  shed: 6,
  refused: 7,
  /** Refused as well, while it is asked whether the provider means it. */
  held: 8,
  unresolved: 9,
  modelNotAllowed: 10,
  draining: 11,
} as const;

/** A request that is shed by `maxConcurrent` may come back in a second. */
export const SHED_TICKS = 10;

/** One for a ring, filled anew for each request: an acquire is synchronous. */
export class Standings {
  readonly of: Uint8Array;
  readonly ticks: Int32Array;
  readonly loads: Int32Array;
  readonly versions: (SecretVersion | undefined)[];
  readonly #state: KeyState;
  readonly #health: Health;
  readonly #rests: Rests;
  readonly #finding: RestFinding = { kind: kinds.none, ticks: 0, isReturning: false };

  constructor(count: number, state: KeyState, health: Health, rests: Rests) {
    this.of = new Uint8Array(count);
    this.ticks = new Int32Array(count);
    this.loads = new Int32Array(count);
    this.versions = Array.from({ length: count });
    this.#state = state;
    this.#health = health;
    this.#rests = rests;
  }

  read(entry: Entry, model: ModelFacts, tried: readonly string[], now: number): void {
    const { at } = entry;
    this.ticks[at] = 0;
    this.loads[at] = this.#state.peek(entry.slot, slot.inFlight);
    this.versions[at] = undefined;
    let standing = this.#stand(entry, model, now);
    if (standing <= standings.later && tried.length > 0 && tried.includes(entry.name)) standing = standings.tried;
    this.of[at] = standing;
  }

  /** A refused key may still be tried as its own probe, if nothing else holds it up. */
  mayProbe(entry: Entry, model: ModelFacts, tried: readonly string[], version: number, now: number): boolean {
    if (this.of[entry.at] !== standings.refused || tried.includes(entry.name)) return false;
    const { kind } = this.#rests.find(entry, model, version, now, this.#finding);
    return kind === kinds.none || kind === kinds.exhausted;
  }

  #stand(entry: Entry, model: ModelFacts, now: number): number {
    if (entry.weight === 0) return standings.draining;
    if (model.allowed[entry.at] !== true) return standings.modelNotAllowed;
    const version = this.#versionOf(entry);
    if (version === null) return standings.unresolved;
    if (version === undefined) return standings.refused;
    this.versions[entry.at] = version;
    // The key was removed and its slot is another's: what is known there is not of this key.
    if (this.#state.peek(entry.slot, slot.generation) !== entry.generation) return standings.free;
    if (this.#health.heldTicks(entry, version, now) > 0) return standings.held;
    const { kind, ticks, isReturning } = this.#rests.find(entry, model, version.id, now, this.#finding);
    this.ticks[entry.at] = ticks;
    if (kind === kinds.notAllowed) return standings.modelNotAllowed;
    if (kind === kinds.outOfMoney) return standings.outOfMoney;
    if (kind === kinds.limited) return standings.cooling;
    if (this.#isFull(entry, now)) return standings.shed;
    if (kind === kinds.exhausted) return standings.later;
    return isReturning ? standings.returning : standings.free;
  }

  #isFull(entry: Entry, now: number): boolean {
    let wait = 0;
    if ((this.loads[entry.at] ?? 0) >= entry.maxConcurrent) wait = SHED_TICKS;
    if (entry.settings.requestsPerMinute !== undefined) {
      wait = Math.max(wait, rateWait(this.#state, entry.slot, now, entry.requestsPerMinute));
    }
    if (wait === 0) return false;
    this.ticks[entry.at] = wait;
    return true;
  }

  /** Null: the key cannot be read. Whoever owns the handle tells why. */
  #versionOf(entry: Entry): SecretVersion | undefined | null {
    try {
      return this.#health.usable(entry);
    } catch {
      return null;
    }
  }
}
