import { createSeal, type Failure, type SecretVersion } from "@keybearer/secrets";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createKeyring, createKeyState, KeyringError, openKeyState, type KeyLease } from "./index.ts";

const KEYS = 3;
const WORKERS = 2;
const MOST = 2;
const TICK = 100;
const MINUTE = 60_000;
/** So long a key is passed over that was refused when no more could go. */
const HOLD = 5_000;
/** Of three keys, half, rounded down. */
const MOST_CONDEMNED = 1;

type Step =
  | { readonly act: "acquire"; readonly worker: number; readonly model: string; readonly tried: readonly string[] }
  | { readonly act: "end"; readonly lease: number; readonly how: Failure | "ok" | "failed" | "abandoned" }
  | { readonly act: "wait"; readonly ms: number }
  | { readonly act: "rotate"; readonly key: number }
  | { readonly act: "reload" | "probe"; readonly worker: number }
  | { readonly act: "die"; readonly worker: number };

/** What the model knows: plain deadlines in milliseconds, and who holds what. */
interface Known {
  /** By `key`, `key model` or `scope model`. */
  readonly until: Map<string, number>;
  readonly refused: Map<number, number>;
  /** The newest refused version before that one. */
  readonly refusedBefore: Map<number, number>;
  /** Versions that are passed over: for certain up to one moment, and not beyond another. */
  readonly held: Map<number, { readonly version: number; readonly atLeast: number; readonly atMost: number }>;
  /** When an answer took the key out of service. */
  readonly condemned: Map<number, number>;
}
interface Held {
  readonly worker: number;
  readonly key: number;
  readonly model: string;
  readonly lease: KeyLease;
  /** It was refused before: this request tests it. */
  readonly isProbe: boolean;
}

const seconds = fc.integer({ min: 0, max: 120 }).map((each) => each * 500);
const waitMs = fc.option(seconds, { nil: undefined });
const failure = fc.oneof(
  fc.record({
    class: fc.constant("limited" as const),
    scope: fc.constantFrom("key" as const, "keyModel" as const, "scope" as const),
    waitMs: seconds,
    confirmed: fc.boolean(),
    rule: fc.constant("r"),
  }),
  fc.record({
    class: fc.constantFrom("outOfMoney" as const, "notAllowed" as const),
    scope: fc.constantFrom("keyModel" as const),
    waitMs: seconds,
    confirmed: fc.constant(true),
    rule: fc.constant("r"),
  }),
  fc.record({
    class: fc.constantFrom("keyInvalid" as const, "suspected" as const),
    scope: fc.constant("key" as const),
    waitMs,
    confirmed: fc.boolean(),
    rule: fc.constant("r"),
  }),
  fc.record({
    class: fc.constantFrom("overloaded" as const, "network" as const, "callersFault" as const),
    scope: fc.constantFrom("endpoint" as const, "none" as const),
    waitMs,
    confirmed: fc.boolean(),
    rule: fc.constant("r"),
  }),
);
const worker = fc.nat(WORKERS - 1);
const name = fc.nat(KEYS - 1).map((at) => `key${at}`);
const acquire = fc.record({
  act: fc.constant("acquire" as const),
  worker,
  model: fc.constantFrom("gpt-5", "gpt-4o"),
  tried: fc.array(name, { maxLength: 2 }),
});
const end = fc.record({
  act: fc.constant("end" as const),
  lease: fc.nat(),
  how: fc.oneof(failure, fc.constantFrom("ok" as const, "failed" as const, "abandoned" as const)),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: acquire },
  { weight: 6, arbitrary: end },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("wait" as const), ms: fc.nat(90_000) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("rotate" as const), key: fc.nat(KEYS - 1) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom("reload" as const, "probe" as const), worker }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("die" as const), worker }) },
);

/** The table under test and, beside it, what a plain program would know. */
class History {
  time = 1_700_000_000_000;
  readonly #start = this.time;
  readonly #clock = { now: () => this.time };
  readonly #buffer = createKeyState({ slots: KEYS + 1, workers: WORKERS, marks: 64, clock: this.#clock });
  readonly #seals = Array.from({ length: KEYS }, () => createSeal({ source: "fake", clock: this.#clock }));
  readonly #versions: SecretVersion[] = this.#seals.map((seal) => seal("sk-first"));
  readonly #rings = Array.from({ length: WORKERS }, (_, at) => this.#ring(at));
  readonly known: Known = {
    until: new Map(),
    refused: new Map(),
    refusedBefore: new Map(),
    held: new Map(),
    condemned: new Map(),
  };
  /** What the table itself says: when answers took which key out of service. */
  readonly #quarantines: { readonly key: number; readonly at: number }[] = [];
  held: Held[] = [];
  /** Whether the clock only goes forward: the plain deadlines know no other. */
  readonly #isSteady: boolean;

  constructor(isSteady: boolean) {
    this.#isSteady = isSteady;
  }

  #ring(worker: number) {
    return createKeyring({
      // The first two share an account.
      keys: this.#versions.map((_, slot) => ({
        name: `key${slot}`,
        source: "fake",
        slot,
        ...(slot < 2 ? { scope: "account", scopeSlot: KEYS } : {}),
        handle: { current: () => this.#versions[slot]! },
        maxConcurrent: MOST,
      })),
      strategy: (["affinity", "roundRobin", "ordered"] as const)[worker % 3]!,
      state: openKeyState(this.#buffer, worker),
      clock: this.#clock,
      random: () => 0.5,
    });
  }

  run(each: Step): void {
    if (each.act === "acquire") this.#acquire(each);
    else if (each.act === "end") this.#end(each);
    else if (each.act === "wait") this.time += each.ms;
    else if (each.act === "rotate") this.#rotate(each.key);
    else if (each.act === "reload") this.#rings[each.worker] = this.#ring(each.worker);
    else if (each.act === "probe") this.#rings[each.worker]!.needsProbe();
    else {
      openKeyState(this.#buffer, WORKERS - 1 - each.worker).forgetWorker(each.worker);
      this.held = this.held.filter((lease) => lease.worker !== each.worker);
      this.#rings[each.worker] = this.#ring(each.worker);
    }
    this.#permitsAgree();
  }

  /** A new version starts afresh; its account does not. */
  #rotate(key: number): void {
    this.#versions[key] = this.#seals[key]!("sk-next");
    for (const name of this.known.until.keys()) if (name.startsWith(`key ${key}`)) this.known.until.delete(name);
  }

  #acquire({ worker, model, tried }: Extract<Step, { act: "acquire" }>): void {
    const free = !this.#isSteady
      ? []
      : this.#versions.flatMap((_, key) => (this.#isFree(key, model, tried) ? [key] : []));
    let lease: KeyLease;
    const none = () => undefined;
    try {
      const request = { header: none, query: none, cookie: none, model, conversation: "c", caller: "me" };
      lease = this.#rings[worker]!.acquire(request, tried);
    } catch (error) {
      // An end is honest: there is no free key, and whoever is told to come back is told when.
      expect(KeyringError.is(error)).toBe(true);
      expect(free).toEqual([]);
      const { code, retryAfterMs = 0 } = error as KeyringError;
      if (code === "all_cooling" || code === "shed") expect(retryAfterMs).toBeGreaterThan(0);
      return;
    }
    const key = Number(lease.name.slice(3));
    expect(tried).not.toContain(lease.name);
    // Never one that rests or is full; and with a free key about, none that was refused.
    if (free.length > 0) expect(lease.version.id).toBeGreaterThan(this.known.refused.get(key) ?? 0);
    expect(this.#load(key)).toBeLessThan(MOST);
    if (this.#isSteady) expect(this.#rests(key, model)).toBe(false);
    if (this.#isSteady) expect(this.#isHeld(key, lease.version.id)).toBe(false);
    const isProbe = lease.version.id <= (this.known.refused.get(key) ?? 0);
    this.held.push({ worker, key, model, lease, isProbe });
  }

  #end({ lease: at, how }: Extract<Step, { act: "end" }>): void {
    if (this.held.length === 0) return;
    const index = at % this.held.length;
    const [{ key, model, lease, isProbe }] = this.held.splice(index, 1) as [Held];
    const before = this.#refusedVersions();
    if (how === "ok") {
      lease.release({ kind: "answered", status: 200 });
      this.#doubt(key, (version) => version === lease.version.id);
      if (isProbe && this.known.refused.get(key) === lease.version.id) this.known.refused.delete(key);
    } else if (typeof how === "string") lease.release({ kind: how });
    else {
      lease.release({ kind: "refused", failure: how });
      this.#learn(key, model, lease.version.id, how, isProbe);
    }
    if (this.#isSteady && !isProbe) this.#quarantinesAreFew(before);
  }

  #refusedVersions(): number[] {
    return this.#rings[0]!.view().map(({ refusedVersion = 0 }) => refusedVersion);
  }

  /** Whatever the model thinks: answers take no more than half of the keys out of service in a minute. */
  #quarantinesAreFew(before: readonly number[]): void {
    for (const [key, refused] of this.#refusedVersions().entries()) {
      if (refused > before[key]!) this.#quarantines.push({ key, at: this.time });
    }
    const recent = this.#quarantines.filter(({ at }) => this.time - at < MINUTE - TICK);
    expect(new Set(recent.map(({ key }) => key)).size).toBeLessThanOrEqual(MOST_CONDEMNED);
  }

  #learn(
    key: number,
    model: string,
    version: number,
    { class: kind, scope, waitMs = 0, confirmed }: Failure,
    isProbe: boolean,
  ): void {
    const account = key < 2 ? "account" : `${key}`;
    const extend = (name: string) => {
      this.known.until.set(name, Math.max(this.known.until.get(name) ?? 0, this.time + Math.max(waitMs, 1)));
    };
    if (kind === "keyInvalid" || kind === "suspected") {
      if (isProbe) this.#refuse(key, version);
      else if (kind === "keyInvalid" && confirmed) this.#condemn(key, version);
      else this.#doubt(key, (held) => held !== version);
    } else if (kind === "notAllowed") this.#ifCurrent(key, version, () => extend(`key ${key} ${model}`));
    else if (kind === "limited" || kind === "outOfMoney") {
      if (scope === "key") this.#ifCurrent(key, version, () => extend(`key ${key}`));
      else if (account === "account") extend(scope === "scope" ? account : `${account} ${model}`);
      else this.#ifCurrent(key, version, () => extend(scope === "scope" ? `key ${key}` : `key ${key} ${model}`));
    }
  }

  #refuse(key: number, version: number): void {
    const refused = this.known.refused.get(key) ?? 0;
    if (version === refused) return;
    this.known.refused.set(key, Math.max(version, refused));
    this.known.refusedBefore.set(key, Math.max(Math.min(version, refused), this.known.refusedBefore.get(key) ?? 0));
  }

  /** One key of three a minute; any other waits for a probe, and is passed over for five seconds. */
  #condemn(key: number, version: number): void {
    const { refused, refusedBefore, condemned, held } = this.known;
    if (version === refused.get(key) || version <= (refusedBefore.get(key) ?? 0)) return;
    const recent = [...condemned].filter(([, at]) => this.#tick(this.time) - this.#tick(at) < MINUTE / TICK);
    if (recent.some(([each]) => each === key)) this.#refuse(key, version);
    else if (recent.length < MOST_CONDEMNED) {
      condemned.set(key, this.time);
      this.#refuse(key, version);
    } else if (!this.#isHeld(key, version)) {
      const [atLeast, atMost] = [this.time + HOLD - 2 * TICK, this.time + HOLD + 2 * TICK];
      const before = held.get(key);
      // One that goes on is not made longer.
      const mayGoOn = before?.version === version && before.atMost > this.time;
      held.set(key, { version, atLeast: mayGoOn ? before.atLeast : atLeast, atMost });
    }
  }

  /** A success, or a suspicion of another version, may have ended a hold early. */
  #doubt(key: number, isOf: (version: number) => boolean): void {
    const held = this.known.held.get(key);
    if (held !== undefined && isOf(held.version)) this.known.held.set(key, { ...held, atLeast: 0 });
  }

  #isHeld(key: number, version: number): boolean {
    const held = this.known.held.get(key);
    return held?.version === version && held.atLeast > this.time;
  }

  #tick(ms: number): number {
    return Math.floor((ms - this.#start) / TICK);
  }

  /** What an older version of a key learnt is not held against the newest. */
  #ifCurrent(key: number, version: number, then: () => void): void {
    if (version === this.#versions[key]!.id) then();
  }

  #rests(key: number, model: string): boolean {
    const names = [`key ${key}`, `key ${key} ${model}`, ...(key < 2 ? ["account", `account ${model}`] : [])];
    return names.some((each) => (this.known.until.get(each) ?? 0) > this.time);
  }

  /** For certain: not for a moment after a rest either, while one request goes first, and time is kept in ticks. */
  #isFree(key: number, model: string, tried: readonly string[]): boolean {
    const names = [`key ${key}`, `key ${key} ${model}`, ...(key < 2 ? ["account", `account ${model}`] : [])];
    if (names.some((each) => (this.known.until.get(each) ?? 0) + 60_000 + 3 * TICK > this.time)) return false;
    const { id } = this.#versions[key]!;
    if (id <= (this.known.refused.get(key) ?? 0)) return false;
    const held = this.known.held.get(key);
    if (held?.version === id && held.atMost > this.time) return false;
    return !tried.includes(`key${key}`) && this.#load(key) < MOST;
  }

  #load(key: number): number {
    return this.held.filter((lease) => lease.key === key).length;
  }

  #permitsAgree(): void {
    for (const [key, { inFlight }] of this.#rings[0]!.view().entries()) expect(inFlight).toBe(this.#load(key));
  }

  /** A little more than the longest rest, counted from when somebody looks. */
  restsEnd(): void {
    const resting = () =>
      this.#rings[0]!.view().flatMap(({ state, resting }) => [...resting.map((each) => each.state), state]);
    resting();
    this.time += 63_000;
    for (const state of resting()) expect(["cooling", "outOfMoney", "notAllowed"]).not.toContain(state);
  }

  /** Every lease given back and a day gone by, each key serves again. */
  recovers(): void {
    for (const { lease } of this.held) lease.release({ kind: "abandoned" });
    this.held = [];
    this.time += 86_500_000;
    for (const key of this.#versions.keys()) this.run({ act: "rotate", key });
    for (const { state, inFlight } of this.#rings[0]!.view()) expect([state, inFlight]).toEqual(["healthy", 0]);
    const tried: string[] = [];
    for (let i = 0; i < KEYS; i++) {
      const none = () => undefined;
      const lease = this.#rings[0]!.acquire({ header: none, query: none, cookie: none, model: "gpt-5" }, tried);
      tried.push(lease.name);
    }
    expect(new Set(tried).size).toBe(KEYS);
  }
}

test("in any history: no resting key, no permit too many or lost, always an end", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const history = new History(true);
      for (const each of steps) history.run(each);
      history.recovers();
    }),
    { numRuns: 1_000 },
  );
});

test("a clock that jumps, either way, leaves no key resting for longer than was meant, and loses no permit", () => {
  const jump = fc.record({ act: fc.constant("wait" as const), ms: fc.integer({ min: -(10 ** 10), max: 10 ** 10 }) });
  fc.assert(
    fc.property(fc.array(fc.oneof(acquire, end, end, jump), { maxLength: 30 }), (steps) => {
      const history = new History(false);
      for (const each of steps) history.run(each);
      history.restsEnd();
      history.recovers();
    }),
    { numRuns: 300 },
  );
});
