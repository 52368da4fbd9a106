/** Which version of a key may be sent: refused ones are not, until a newer one comes or a probe succeeds. */
import type { SecretVersion } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import { QuarantineShare } from "./quarantine-share.ts";
import type { KeyAlert, Probe } from "./settings.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";

/** The first gap between probes in ticks (5 s), and the longest (15 min). */
const FIRST_GAP = 50;
const LONGEST_GAP = 9_000;
/** A key that was cleared is not suspected again at once, whatever callers provoke: 60 s. */
const CLEARED_TICKS = 600;

export class Health {
  readonly #state: KeyState;
  readonly #random: () => number;
  readonly #alert: (alert: KeyAlert) => void;
  readonly #share: QuarantineShare;

  constructor(entries: readonly Entry[], state: KeyState, random: () => number, alert: (alert: KeyAlert) => void) {
    this.#state = state;
    this.#random = random;
    this.#alert = alert;
    this.#share = new QuarantineShare(entries, state);
  }

  /** The version to send, unless it is held; undefined: all that there are were refused. Throws what the handle throws. */
  usable(entry: Entry): SecretVersion | undefined {
    const version = entry.handle.current();
    const refused = this.#state.peek(entry.slot, slot.refused);
    if (refused === 0) return version;
    if (version.id > refused) {
      if (this.#state.swap(entry.slot, slot.isDown, 1, 0)) this.#recovered(entry, version, "newVersion");
      return version;
    }
    // This thread may not have heard of the newest version yet, and then its current one is the one before.
    const before = this.isRefused(entry, version) ? entry.handle.previous?.() : version;
    if (before === undefined || this.isRefused(entry, before)) return undefined;
    const told = this.#state.load(entry.slot, slot.overlapTold);
    if (told !== refused && this.#state.swap(entry.slot, slot.overlapTold, told, refused)) {
      const { name: key, source } = entry;
      this.#alert({ kind: "overlap_in_use", key, source, refused, version: before.id });
    }
    return before;
  }

  isRefused(entry: Entry, version: SecretVersion): boolean {
    const { id } = version;
    if (id < 0) return -id <= this.#state.load(entry.slot, slot.refusedOther);
    return id === this.#state.load(entry.slot, slot.refused) || id <= this.#state.load(entry.slot, slot.refusedBefore);
  }

  isSuspected(entry: Entry, version: SecretVersion): boolean {
    return this.#state.load(entry.slot, slot.suspected) === version.id;
  }

  /** Ticks for which a suspected version is passed over; 0: it serves. */
  heldTicks(entry: Entry, version: SecretVersion, now: number): number {
    const until = this.#state.peek(entry.slot, slot.heldUntil);
    // Later than any gap: the clock was set back.
    if (until <= now || until > now + 2 * FIRST_GAP || !this.isSuspected(entry, version)) return 0;
    return until - now;
  }

  /** An answer has refused it. True for whoever is the first to know, and takes it out of service. */
  condemn(entry: Entry, version: SecretVersion, now: number, rule: string): boolean {
    if (this.isRefused(entry, version)) return false;
    if (this.#share.claim(entry, now)) return this.#refuse(entry, version.id, now, rule);
    this.#hold(entry, version, now);
    return false;
  }

  #refuse(entry: Entry, version: number, now: number, rule: string): boolean {
    if (!this.#raiseRefused(entry.slot, version)) return false;
    this.#state.swap(entry.slot, slot.suspected, version, 0);
    this.#state.store(entry.slot, slot.probes, 0);
    this.#state.store(entry.slot, slot.probeAt, now + this.#gap(0));
    this.#state.store(entry.slot, slot.isDown, 1);
    this.#alert({ kind: "key_refused", key: entry.name, source: entry.source, version, rule });
    return true;
  }

  /** Asks for a probe; the key serves on until one has told. */
  suspect(entry: Entry, version: SecretVersion, now: number): void {
    const { slot: index } = entry;
    const suspected = this.#state.load(index, slot.suspected);
    if (suspected === version.id || this.isRefused(entry, version)) return;
    const due = this.#state.load(index, slot.probeAt);
    // A while after a probe has cleared it, it stays cleared. A clock that was set back does not make the while longer.
    if (due > now && due <= now + CLEARED_TICKS) return;
    this.#ask(index, version);
  }

  /** A suspicion that a code of the provider's stands behind: for a moment nobody is served with it either. */
  #hold(entry: Entry, version: SecretVersion, now: number): void {
    const { slot: index } = entry;
    if (this.heldTicks(entry, version, now) > 0) return;
    if (!this.isSuspected(entry, version)) this.#ask(index, version);
    this.#state.store(index, slot.heldUntil, now + this.#gap(0));
  }

  #ask(index: number, version: SecretVersion): void {
    this.#state.store(index, slot.heldUntil, 0);
    this.#state.store(index, slot.probeAt, 0);
    this.#state.store(index, slot.suspected, version.id);
  }

  /** It has worked with this version, in a request that began then. */
  succeed(entry: Entry, version: SecretVersion, began: number): void {
    const { slot: index } = entry;
    if (this.#state.peek(index, slot.suspected) !== version.id) return;
    // What began before the suspicion says nothing against it.
    if (began > this.#state.load(index, slot.failedAt)) this.#state.swap(index, slot.suspected, version.id, 0);
  }

  /** A probe that is due, given to one caller only. */
  claimProbe(entry: Entry, now: number): Probe | undefined {
    const version = this.#questionable(entry);
    if (version === undefined) return undefined;
    const due = this.#state.load(entry.slot, slot.probeAt);
    // Later than any gap: the clock was set back.
    if (due > now && due <= now + 2 * LONGEST_GAP) return undefined;
    const gap = this.#gap(this.#state.load(entry.slot, slot.probes));
    if (!this.#state.swap(entry.slot, slot.probeAt, due, now + gap)) return undefined;
    return { name: entry.name, version };
  }

  probed(entry: Entry, version: SecretVersion, ok: boolean, now: number, rule: string): void {
    if (ok) this.#clear(entry, version, now);
    else if (!this.isRefused(entry, version)) this.#refuse(entry, version.id, now, rule);
    else {
      const probes = Math.min(this.#state.load(entry.slot, slot.probes) + 1, 16);
      this.#state.store(entry.slot, slot.probes, probes);
      this.#state.store(entry.slot, slot.probeAt, now + this.#gap(probes));
    }
  }

  #clear(entry: Entry, version: SecretVersion, now: number): void {
    const { slot: index } = entry;
    this.#state.swap(index, slot.suspected, version.id, 0);
    this.#state.store(index, slot.probes, 0);
    this.#state.store(index, slot.probeAt, now + CLEARED_TICKS);
    if (!this.#state.swap(index, slot.refused, version.id, 0)) return;
    this.#state.swap(index, slot.isDown, 1, 0);
    this.#recovered(entry, version, "probe");
  }

  forgive(entry: Entry): void {
    for (const word of [
      slot.refused,
      slot.refusedBefore,
      slot.refusedOther,
      slot.suspected,
      slot.probes,
      slot.probeAt,
      slot.isDown,
      slot.heldUntil,
      slot.condemnedAt,
    ]) {
      this.#state.store(entry.slot, word, 0);
    }
  }

  /** The version that a probe should test: the newest if it is refused or suspected, else the one before if suspected. */
  #questionable(entry: Entry): SecretVersion | undefined {
    try {
      const newest = entry.handle.current();
      if (this.isRefused(entry, newest) || this.isSuspected(entry, newest)) return newest;
      const before = entry.handle.previous?.();
      return before !== undefined && this.isSuspected(entry, before) ? before : undefined;
    } catch {
      return undefined;
    }
  }

  /** True if the version was not known as refused. Versions only grow, so two numbers tell of all that matter. */
  #raiseRefused(index: number, version: number): boolean {
    if (version < 0) return this.#state.raise(index, slot.refusedOther, -version);
    for (;;) {
      const refused = this.#state.load(index, slot.refused);
      if (version === refused) return false;
      if (version < refused) {
        const before = this.#state.load(index, slot.refusedBefore);
        if (version <= before) return false;
        if (this.#state.swap(index, slot.refusedBefore, before, version)) return true;
        continue;
      }
      if (!this.#state.swap(index, slot.refused, refused, version)) continue;
      this.#state.raise(index, slot.refusedBefore, refused);
      return true;
    }
  }

  /** Doubles, give or take a fifth, so that replicas do not knock together. */
  #gap(probes: number): number {
    return Math.ceil(Math.min(FIRST_GAP * 2 ** probes, LONGEST_GAP) * (0.8 + 0.4 * this.#random()));
  }

  #recovered(entry: Entry, version: SecretVersion, by: "newVersion" | "probe"): void {
    this.#alert({ kind: "key_recovered", key: entry.name, source: entry.source, version: version.id, by });
  }
}
