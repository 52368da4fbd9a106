/** Several keys for one provider: which one serves a request, and what its answer teaches. */
import type { Clock, Failure, Outcome, RequestFacts, SecretVersion } from "@keybearer/secrets";
import { choiceOf, type Choice } from "./choice.ts";
import { entriesOf, type Entry } from "./entry.ts";
import { Health } from "./health.ts";
import { RingLease, type LeaseKeeper, type LeaseNotes } from "./lease.ts";
import { ModelTable, type ModelFacts } from "./models.ts";
import { PinnedKeys } from "./pinned-keys.ts";
import { refusal } from "./refusal.ts";
import { Rests } from "./rests.ts";
import type { KeyAlert, KeyLease, Keyring, KeyringSettings, KeyView, Probe } from "./settings.ts";
import { SHED_TICKS, Standings, standings } from "./standing.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";
import { countRequest } from "./state/rate-window.ts";
import { writeText } from "./state/text.ts";
import { viewOf } from "./view.ts";

/** Throws TypeError and RangeError for settings that cannot be. */
export function createKeyring(settings: KeyringSettings): Keyring {
  return new Ring(settings);
}

class Ring implements Keyring, LeaseKeeper {
  readonly #entries: readonly Entry[];
  readonly #byName: ReadonlyMap<string, Entry>;
  readonly #models: ModelTable;
  readonly #choice: Choice;
  readonly #state: KeyState;
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #rests: Rests;
  readonly #pinned: PinnedKeys;
  readonly #found: Standings;
  readonly #alert: (alert: KeyAlert) => void;
  readonly #minimumHealthy: number;
  readonly #crowds: boolean;
  readonly #isUsable = (at: number) => (this.#found.of[at] ?? standings.draining) <= standings.returning;
  readonly #isLater = (at: number) => this.#crowds && this.#found.of[at] === standings.later;

  constructor(settings: KeyringSettings) {
    const { state, clock, random, strategy = "affinity", onAlert = () => undefined, minimumHealthy = 1 } = settings;
    this.#entries = entriesOf(settings);
    this.#byName = new Map(this.#entries.map((entry) => [entry.name, entry]));
    this.#models = new ModelTable(this.#entries.map((entry) => entry.settings.models));
    this.#choice = choiceOf(strategy, this.#entries, random);
    this.#state = state;
    this.#clock = clock;
    this.#alert = onAlert;
    this.#minimumHealthy = minimumHealthy;
    this.#crowds = settings.crowds ?? true;
    this.#health = new Health(this.#entries, state, random, onAlert);
    this.#rests = new Rests(state, random);
    this.#pinned = new PinnedKeys(this.#entries, state);
    this.#found = new Standings(this.#entries.length, state, this.#health, this.#rests);
  }

  acquire(request: RequestFacts, tried: readonly string[]): KeyLease {
    const now = this.#now();
    const model = this.#models.of(request.model);
    for (const entry of this.#entries) this.#found.read(entry, model, tried, now);
    const pinned = this.#takePinned(request, model, now);
    if (pinned !== undefined) return pinned;
    this.#choice.begin(request);
    const lease =
      this.#takeOne(this.#isUsable, model, now) ??
      this.#takeOne(this.#isLater, model, now) ??
      this.#probe(model, tried, now);
    if (lease === undefined) throw refusal(this.#entries, this.#found);
    return lease;
  }

  report(name: string, news: Failure | "ok", version: SecretVersion, model?: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    const outcome: Outcome = news === "ok" ? { kind: "answered", status: 200 } : { kind: "refused", failure: news };
    const began = this.#now();
    this.learn({ entry, model: this.#models.of(model), version, began, claims: [], isProbe: false }, outcome);
  }

  needsProbe(): Probe[] {
    const now = this.#now();
    return this.#entries.flatMap((entry) => this.#health.claimProbe(entry, now) ?? []);
  }

  probed(name: string, version: SecretVersion, ok: boolean): void {
    const entry = this.#byName.get(name);
    if (entry === undefined || !this.#isOurs(entry)) return;
    const wasRefused = this.#health.isRefused(entry, version);
    this.#health.probed(entry, version, ok, this.#now(), "probe");
    if (!ok && !wasRefused) this.#countHealthy();
  }

  forgive(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#health.forgive(entry);
    this.#rests.forgive(entry);
  }

  view(): KeyView[] {
    const now = this.#now();
    return this.#entries.map((entry) => viewOf(entry, this.#state, this.#health, now));
  }

  pin({ entry }: LeaseNotes, responseId: string): void {
    if (this.#isOurs(entry)) this.#pinned.pin(responseId, entry);
  }

  giveBack({ entry }: LeaseNotes): void {
    this.#state.leave(entry.slot, entry.generation);
  }

  learn(notes: LeaseNotes, outcome: Outcome): void {
    // After a reload the slot may be another key's.
    if (!this.#isOurs(notes.entry)) return;
    if (outcome.kind === "answered") this.#learnAnswer(notes, outcome.status, outcome.exhaustedMs);
    else if (outcome.kind === "refused") this.#learnFailure(notes, outcome.failure);
    this.#rests.releaseTrials(notes.claims);
    notes.claims = [];
  }

  /** The key whose account knows what the request goes on from, as long as it can serve at all. */
  #takePinned(request: RequestFacts, model: ModelFacts, now: number): KeyLease | undefined {
    const entry = this.#pinned.find(request);
    if (entry === undefined) return undefined;
    while ((this.#found.of[entry.at] ?? standings.draining) <= standings.later) {
      const lease = this.#take(entry, model, now);
      if (lease !== undefined) return lease;
    }
    return undefined;
  }

  #takeOne(isOpen: (at: number) => boolean, model: ModelFacts, now: number): KeyLease | undefined {
    for (;;) {
      const entry = this.#entries[this.#choice.next(isOpen, this.#found.loads)];
      if (entry === undefined) return undefined;
      const lease = this.#take(entry, model, now);
      if (lease !== undefined) return lease;
    }
  }

  /** Undefined: another thread was faster, and the key stands differently now. */
  #take(entry: Entry, model: ModelFacts, now: number): KeyLease | undefined {
    const version = this.#found.versions[entry.at];
    let claims: readonly number[] | undefined = noClaims;
    if (this.#found.of[entry.at] === standings.returning && version !== undefined) {
      claims = this.#rests.claimTrials(entry, model, version.id, now);
    }
    if (claims === undefined || version === undefined) {
      this.#found.of[entry.at] = standings.later;
      return undefined;
    }
    return this.#lend({ entry, model, version, began: now, claims, isProbe: false });
  }

  #lend(notes: LeaseNotes): KeyLease | undefined {
    const { entry } = notes;
    // The key was removed, and its slot is another's: this last request of an old ring goes uncounted.
    if (!this.#isOurs(entry)) return new RingLease(notes, this);
    if (!this.#state.enter(entry.slot, entry.maxConcurrent)) {
      this.#rests.releaseTrials(notes.claims);
      this.#found.of[entry.at] = standings.shed;
      this.#found.ticks[entry.at] = SHED_TICKS;
      return undefined;
    }
    if (entry.settings.requestsPerMinute !== undefined) countRequest(this.#state, entry.slot, notes.began);
    return new RingLease(notes, this);
  }

  /** The last resort, so that no key dies for good where nobody probes: a refused key whose turn has come, once. */
  #probe(model: ModelFacts, tried: readonly string[], now: number): KeyLease | undefined {
    for (const entry of this.#entries) {
      if (this.#found.of[entry.at] !== standings.refused) continue;
      const version = entry.handle.current();
      if (!this.#found.mayProbe(entry, model, tried, version.id, now)) continue;
      const probe = this.#health.claimProbe(entry, now);
      if (probe === undefined) continue;
      const notes = { entry, model, version: probe.version, began: now, claims: noClaims, isProbe: true };
      const lease = this.#lend(notes);
      if (lease !== undefined) return lease;
    }
    return undefined;
  }

  #learnAnswer(notes: LeaseNotes, status: number, exhaustedMs: number | undefined): void {
    const { entry, model, version, began } = notes;
    const nowMs = this.#clock.now();
    if (status < 400) {
      this.#state.store(entry.slot, slot.succeededAt, this.#state.ticks(nowMs));
      this.#rests.settle(entry, model, began);
      if (notes.isProbe) this.#health.probed(entry, version, true, this.#state.ticks(nowMs), "");
      else this.#health.succeed(entry, version, began);
    }
    if (exhaustedMs !== undefined) this.#rests.exhaust(entry, model, version.id, nowMs, exhaustedMs);
  }

  #learnFailure(notes: LeaseNotes, failure: Failure): void {
    const { entry, model, version } = notes;
    const nowMs = this.#clock.now();
    const now = this.#state.ticks(nowMs);
    if (failure.class === "keyInvalid" || failure.class === "suspected") {
      this.#note(entry, failure, now);
      if (notes.isProbe) this.#health.probed(entry, version, false, now, failure.rule);
      else if (failure.confirmed && failure.class === "keyInvalid") this.#refuse(notes, failure, now);
      else this.#health.suspect(entry, version, now);
      return;
    }
    if (!this.#rests.apply(entry, failure, model, version.id, nowMs)) return;
    this.#note(entry, failure, now);
    if (failure.class === "outOfMoney" && failure.confirmed) this.#countHealthy();
  }

  /** An account that is closed takes all of its keys with it. */
  #refuse({ entry, version }: LeaseNotes, failure: Failure, now: number): void {
    let isNews = this.#health.condemn(entry, version, now, failure.rule);
    if (failure.scope === "scope" && entry.scopeSlot !== entry.slot) {
      for (const other of this.#entries) {
        if (other === entry || other.scopeSlot !== entry.scopeSlot) continue;
        const current = this.#currentOf(other);
        if (current === undefined) continue;
        this.#note(other, failure, now);
        isNews = this.#health.condemn(other, current, now, failure.rule) || isNews;
      }
    }
    if (isNews) this.#countHealthy();
  }

  #countHealthy(): void {
    const inService = this.#entries.filter(({ weight }) => weight > 0);
    const now = this.#now();
    const healthy = inService.filter((entry) => {
      const { state } = viewOf(entry, this.#state, this.#health, now);
      return state !== "quarantined" && state !== "outOfMoney" && state !== "unresolved";
    }).length;
    const minimum = this.#minimumHealthy;
    if (healthy < minimum) this.#alert({ kind: "pool_below", healthy, minimum, keys: inService.length });
  }

  #currentOf(entry: Entry): SecretVersion | undefined {
    try {
      return entry.handle.current();
    } catch {
      return undefined;
    }
  }

  #note(entry: Entry, failure: Failure, now: number): void {
    this.#state.store(entry.slot, slot.failedAt, now);
    writeText(this.#state.words, this.#state.wordAt(entry.slot, slot.rule), slot.ruleWords, failure.rule);
  }

  #isOurs(entry: Entry): boolean {
    return this.#state.peek(entry.slot, slot.generation) === entry.generation;
  }

  #now(): number {
    return this.#state.ticks(this.#clock.now());
  }
}

const noClaims: readonly number[] = [];
