import { createSeal, type Failure, type RequestFacts, type SecretVersion } from "@keybearer/secrets";
import { describe, expect, test } from "vitest";
import {
  assignSlots,
  createKeyring,
  createKeyState,
  KeyringError,
  openKeyState,
  type KeyAlert,
  type KeyringSettings,
  type KeySettings,
} from "./index.ts";

const second = 1_000;
const minute = 60 * second;

/** A key whose versions the test makes. */
function fakeKey(name: string, more: Partial<KeySettings> = {}) {
  const seal = createSeal({ source: "fake", clock: { now: () => 0 } });
  let current: SecretVersion | undefined = seal(`sk-${name}-1`);
  let previous: SecretVersion | undefined;
  let refreshed = 0;
  return {
    rotate: () => {
      previous = current;
      current = seal(`sk-${name}-next`);
    },
    endOverlap: () => {
      previous = undefined;
    },
    lose: () => {
      current = undefined;
    },
    get refreshed() {
      return refreshed;
    },
    settings: {
      name,
      source: "fake",
      handle: {
        current: () => {
          if (current === undefined) throw new Error("gone");
          return current;
        },
        previous: () => previous,
        refresh: async () => {
          refreshed++;
          if (current === undefined) throw new Error("gone");
          return current;
        },
      },
      ...more,
    },
  };
}

function ringOf(keys: readonly Omit<KeySettings, "slot">[], more: Partial<KeyringSettings> = {}) {
  let time = 1_700_000_000_000;
  const clock = { now: () => time };
  const alerts: KeyAlert[] = [];
  const scopes = keys.flatMap(({ scope }) => (scope === undefined ? [] : [`scope ${scope}`]));
  const { slots } = assignSlots(new Map(), [...keys.map(({ name }) => name), ...scopes], 32);
  const buffer = createKeyState({ slots: 32, workers: 2, clock });
  const state = openKeyState(buffer, 0);
  const settings: KeyringSettings = {
    keys: keys.map((key) => ({ ...key, slot: slots.get(key.name)!, scopeSlot: slots.get(`scope ${key.scope}`) })),
    strategy: "ordered",
    state,
    clock,
    random: () => 0.5,
    onAlert: (alert) => alerts.push(alert),
    ...more,
  };
  const ring = createKeyring(settings);
  return {
    ring,
    alerts,
    state,
    buffer,
    settings,
    wait: (ms: number) => {
      time += ms;
    },
    now: () => time,
    /** Who serves? The lease is given back unused. */
    serves: (model?: string, tried: readonly string[] = []): string => {
      const lease = ring.acquire(facts({ model }), tried);
      lease.release({ kind: "abandoned" });
      return lease.name;
    },
    /** A request that ends like this. */
    ends: (failure: Partial<Failure> | "ok", model?: string, tried: readonly string[] = []): string => {
      const lease = ring.acquire(facts({ model }), tried);
      lease.release(failure === "ok" ? ok : { kind: "refused", failure: { ...limited, ...failure } });
      return lease.name;
    },
    refusal: (model?: string, tried: readonly string[] = []): KeyringError => {
      try {
        ring.acquire(facts({ model }), tried);
      } catch (error) {
        if (KeyringError.is(error)) return error;
        throw error;
      }
      throw new Error("a key was to be had");
    },
  };
}

const facts = (more: Partial<RequestFacts> = {}): RequestFacts => ({
  header: () => undefined,
  query: () => undefined,
  cookie: () => undefined,
  ...more,
});
const ok = { kind: "answered", status: 200 } as const;
const limited: Failure = { class: "limited", scope: "keyModel", confirmed: true, rule: "limited" };
const invalid: Failure = { class: "keyInvalid", scope: "key", confirmed: true, rule: "invalid-api-key" };
const two = () => [fakeKey("a").settings, fakeKey("b").settings];

describe("a limit", () => {
  test("rests its key for that model only, until the wait is over, and not a moment less", () => {
    const { serves, ends, wait } = ringOf(two());
    expect(ends({ waitMs: 1_234 }, "gpt-5")).toBe("a");
    expect([serves("gpt-5"), serves("gpt-4o"), serves()]).toEqual(["b", "a", "a"]);
    wait(1_233);
    expect(serves("gpt-5")).toBe("b");
    wait(101);
    expect(serves("gpt-5")).toBe("a");
  });

  test("rests all keys of its scope; a key of another scope is next", () => {
    const scoped = (name: string, scope: string) => fakeKey(name, { scope }).settings;
    const { serves, ends } = ringOf([scoped("a", "one"), scoped("b", "one"), scoped("c", "two")]);
    expect(ends({ waitMs: minute }, "gpt-5")).toBe("a");
    expect([serves("gpt-5"), serves("gpt-4o")]).toEqual(["c", "a"]);
    ends({ scope: "scope", class: "outOfMoney" }, "gpt-4o");
    expect(serves("gpt-4o")).toBe("c");
  });

  test("of an account is the account's, whatever versions its keys have come to", () => {
    const [a, b] = [fakeKey("a", { scope: "one" }), fakeKey("b", { scope: "one" })];
    const { ring, refusal } = ringOf([a.settings, b.settings]);
    b.rotate();
    const leases = [ring.acquire(facts(), []), ring.acquire(facts(), ["a"])];
    for (const [at, lease] of leases.entries()) {
      const waitMs = at === 0 ? minute : second;
      lease.release({ kind: "refused", failure: { ...limited, scope: "scope", waitMs } });
    }
    a.rotate();
    b.rotate();
    expect([refusal().code, refusal().retryAfterMs]).toEqual(["all_cooling", minute]);
  });

  test("of one key leaves the others of its scope alone", () => {
    const { serves, ends } = ringOf(["a", "b"].map((name) => fakeKey(name, { scope: "one" }).settings));
    ends({ scope: "key", waitMs: minute });
    expect(serves("any")).toBe("b");
  });

  test("keeps the later of two deadlines", () => {
    const { ring, serves, wait } = ringOf(two());
    const leases = [10, 60, 20].map((seconds) => ({ seconds, lease: ring.acquire(facts(), []) }));
    for (const { seconds, lease } of leases) {
      lease.release({ kind: "refused", failure: { ...limited, waitMs: seconds * second } });
    }
    wait(59 * second);
    expect(serves()).toBe("b");
    wait(2 * second);
    expect(serves()).toBe("a");
  });

  test("that names no wait doubles with each in a row, up to five minutes, and starts afresh after a success", () => {
    const { ends, refusal, wait } = ringOf([fakeKey("a").settings], { random: () => 0 });
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      ends({});
      waits.push(refusal().retryAfterMs ?? 0);
      wait((refusal().retryAfterMs ?? 0) + 100);
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 300, 300].map((each) => each * second));
    ends("ok");
    ends({});
    expect(refusal().retryAfterMs).toBe(15 * second);
  });

  test("counts once for many answers to one rush", () => {
    const { ring, refusal } = ringOf([fakeKey("a").settings], { random: () => 0 });
    const leases = Array.from({ length: 20 }, () => ring.acquire(facts(), []));
    for (const lease of leases) lease.release({ kind: "refused", failure: limited });
    expect(refusal().retryAfterMs).toBe(15 * second);
  });

  test("that is over lets one request go first; the others take another key, or go along where there is none", () => {
    const { ring, ends, serves, wait } = ringOf(two());
    ends({ waitMs: second });
    wait(2 * second);
    const first = ring.acquire(facts(), []);
    expect([first.name, serves(), serves(undefined, ["b"])]).toEqual(["a", "b", "a"]);
    first.report(ok);
    expect(serves()).toBe("a");
  });

  test("that is about to come diverts, but refuses nobody", () => {
    const { ring, serves, wait } = ringOf(two());
    ring.acquire(facts({ model: "m" }), []).release({ ...ok, exhaustedMs: minute });
    expect([serves("m"), serves("n"), serves("m", ["b"])]).toEqual(["b", "a", "a"]);
    wait(minute + 200);
    expect(serves("m")).toBe("a");
  });

  test("that came is hard, even where it was foreseen", () => {
    const { ring, refusal } = ringOf([fakeKey("a").settings]);
    ring.acquire(facts({ model: "m" }), []).release({ ...ok, exhaustedMs: minute });
    ring.acquire(facts({ model: "m" }), []).release({ kind: "refused", failure: { ...limited, waitMs: second } });
    expect(refusal("m").retryAfterMs).toBe(minute);
  });

  test("lasts as long as was meant when the clock is set back", () => {
    const { ends, serves, wait } = ringOf(two());
    ends({ waitMs: minute });
    wait(-3_600 * second);
    expect(serves()).toBe("b");
    wait(minute + second);
    expect(serves()).toBe("a");
  });

  test("is forgotten when the key is another: a newer version starts afresh", () => {
    const key = fakeKey("a");
    const { ends, serves, refusal } = ringOf([key.settings]);
    ends({ class: "outOfMoney", scope: "scope", waitMs: minute });
    expect(refusal().code).toBe("out_of_money");
    key.rotate();
    expect(serves()).toBe("a");
  });
});

describe("a refused key", () => {
  test("is not sent again, and a newer version heals it by itself", () => {
    const key = fakeKey("a");
    const { ends, serves, alerts } = ringOf([key.settings, fakeKey("b").settings], { minimumHealthy: 2 });
    expect(ends(invalid)).toBe("a");
    expect(serves()).toBe("b");
    key.rotate();
    expect(serves()).toBe("a");
    expect(alerts).toEqual([
      { kind: "key_refused", key: "a", source: "fake", version: 1, rule: "invalid-api-key" },
      { kind: "pool_below", healthy: 1, minimum: 2, keys: 2 },
      { kind: "key_recovered", key: "a", source: "fake", version: 2, by: "newVersion" },
    ]);
  });

  test("falls back to the version before, as long as that is honoured", () => {
    const key = fakeKey("a");
    const { ring, ends, refusal, alerts } = ringOf([key.settings]);
    const old = ring.acquire(facts(), []);
    old.release(ok);
    key.rotate();
    ends(invalid);
    const again = ring.acquire(facts(), []);
    expect(again.version.id).toBe(old.version.id);
    again.release(ok);
    ring.acquire(facts(), []).release(ok);
    expect(alerts.map(({ kind }) => kind)).toEqual(["key_refused", "overlap_in_use"]);
    expect(ring.view()[0]).toMatchObject({ state: "overlap", refusedVersion: 2 });
    ends(invalid);
    expect(refusal().code).toBe("all_refused");
  });

  test("falls back to the version of a second source, which counts its own below zero, until that is refused too", () => {
    const key = fakeKey("a");
    const other = { ...key.settings.handle.current(), id: -7 };
    const handle = { ...key.settings.handle, previous: () => other };
    const { ring, ends, refusal } = ringOf([{ ...key.settings, handle }]);
    ends(invalid);
    const lease = ring.acquire(facts(), []);
    expect(lease.version.id).toBe(-7);
    lease.release({ kind: "refused", failure: invalid });
    expect(refusal().code).toBe("all_refused");
    key.rotate();
    expect(ring.acquire(facts(), []).version.id).toBe(2);
  });

  test("falls back no more once the overlap has ended", () => {
    const key = fakeKey("a");
    const { ends, refusal } = ringOf([key.settings]);
    key.rotate();
    ends(invalid);
    key.endOverlap();
    expect(refusal().code).toBe("all_refused");
  });

  test("is probed at growing intervals, by one prober a turn, and a success heals it", () => {
    const { ring, ends, serves, alerts, wait, now } = ringOf(two());
    ends(invalid);
    const gaps: number[] = [];
    let last = now();
    for (let i = 0; i < 12; i++) {
      let probes = ring.needsProbe();
      while (probes.length === 0) {
        wait(second);
        probes = ring.needsProbe();
      }
      expect(ring.needsProbe()).toEqual([]);
      gaps.push(Math.round((now() - last) / second));
      last = now();
      ring.probed("a", probes[0]!.version, false);
    }
    expect(gaps).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]);
    wait(20 * minute);
    const [probe] = ring.needsProbe();
    ring.probed("a", probe!.version, true);
    expect(serves()).toBe("a");
    expect(alerts.at(-1)).toMatchObject({ kind: "key_recovered", by: "probe" });
  });

  test("is tried by one request where there is no other key and nobody probes", () => {
    const { ring, ends, refusal, serves, wait } = ringOf([fakeKey("a").settings]);
    ends(invalid);
    expect(refusal().code).toBe("all_refused");
    wait(6 * second);
    const probe = ring.acquire(facts(), []);
    expect(refusal().code).toBe("all_refused");
    probe.release({ kind: "refused", failure: invalid });
    wait(6 * second);
    expect(refusal().code).toBe("all_refused");
    wait(6 * second);
    ends("ok");
    expect(serves()).toBe("a");
  });

  test("is not healed by an answer to a request that began before", () => {
    const { ring, ends, serves } = ringOf(two());
    const stream = ring.acquire(facts(), []);
    ends(invalid);
    stream.release(ok);
    expect(serves()).toBe("b");
  });

  test("of a closed account takes the account's other keys with it", () => {
    const scopes = { a: "one", b: "one", c: "two", d: "two" };
    const { ends, serves, alerts } = ringOf(
      Object.entries(scopes).map(([name, scope]) => fakeKey(name, { scope }).settings),
    );
    ends({ ...invalid, scope: "scope" });
    expect(serves()).toBe("c");
    expect(alerts.map((alert) => "key" in alert && alert.key)).toEqual(["a", "b"]);
  });
});

describe("keys that are all refused at once", () => {
  const names = ["a", "b", "c", "d"];
  const four = (more: Partial<KeyringSettings> = {}) =>
    ringOf(
      names.map((name) => fakeKey(name).settings),
      more,
    );
  const states = ({ ring }: ReturnType<typeof ringOf>) => ring.view().map(({ state }) => state);

  test("are taken out of service by answers up to half of them a minute; the others are held until a probe has told", () => {
    const all = four();
    const { ring, ends, refusal, alerts } = all;
    expect(names.map(() => ends(invalid))).toEqual(names);
    expect(states(all)).toEqual(["quarantined", "quarantined", "suspected", "suspected"]);
    expect(alerts.flatMap((alert) => ("key" in alert ? alert.key : []))).toEqual(["a", "b"]);
    // Not sent again for every request, and the end is as honest as if all were quarantined.
    expect([refusal().code, refusal().trail.map(({ standing }) => standing)]).toEqual([
      "all_refused",
      ["refused", "refused", "refused", "refused"],
    ]);
    const probes = ring.needsProbe();
    expect(probes.map(({ name }) => name)).toEqual(["c", "d"]);
    ring.probed("c", probes[0]!.version, false);
    ring.probed("d", probes[1]!.version, true);
    expect(states(all)).toEqual(["quarantined", "quarantined", "quarantined", "healthy"]);
    expect(all.serves()).toBe("d");
  });

  test("serve again after a moment where nobody probes: a success clears them, another refusal holds them again", () => {
    const all = four();
    const { ends, refusal, serves, wait } = all;
    for (const _ of names) ends(invalid);
    wait(4 * second);
    expect(refusal().code).toBe("all_refused");
    wait(3 * second);
    expect([serves(), ends(invalid), ends("ok")]).toEqual(["c", "c", "d"]);
    expect(states(all)).toEqual(["quarantined", "quarantined", "suspected", "healthy"]);
  });

  test("go one after the other as minutes pass", () => {
    const all = four();
    for (const _ of names) all.ends(invalid);
    all.wait(minute + second);
    // A minute is over, and answers count again.
    expect(all.ends(invalid)).toBe("c");
    expect(states(all)[2]).toBe("quarantined");
  });

  test("count once each, however many of their versions were refused", () => {
    const [a, b] = [fakeKey("a"), fakeKey("b")];
    const all = ringOf([a.settings, b.settings]);
    all.ends(invalid);
    a.rotate();
    a.endOverlap();
    expect([all.ends(invalid), all.ends(invalid)]).toEqual(["a", "b"]);
    expect(states(all)).toEqual(["quarantined", "suspected"]);
  });

  test("hold no newer version back", () => {
    const [a, b] = [fakeKey("a"), fakeKey("b")];
    const { ends, serves } = ringOf([a.settings, b.settings]);
    expect([ends(invalid), ends(invalid)]).toEqual(["a", "b"]);
    b.rotate();
    expect(serves()).toBe("b");
  });

  test("are asked about again though a probe has cleared them a moment ago: no caller can provoke a code", () => {
    const { ring, ends } = ringOf(two());
    ends(invalid);
    for (let i = 0; i < 2; i++) {
      expect(ends(invalid)).toBe("b");
      const [probe] = ring.needsProbe();
      ring.probed("b", probe!.version, true);
    }
  });

  test("are counted by all threads together", () => {
    const { ends, settings, buffer } = four();
    for (const _ of names.slice(2)) ends(invalid);
    const other = createKeyring({ ...settings, state: openKeyState(buffer, 1) });
    other.acquire(facts(), []).release({ kind: "refused", failure: invalid });
    expect(other.view()[2]?.state).toBe("suspected");
  });

  test("are not spared where there is one key in service: nothing else could serve", () => {
    const all = ringOf([fakeKey("a").settings, fakeKey("b", { weight: 0 }).settings]);
    all.ends(invalid);
    expect(states(all)).toEqual(["quarantined", "draining"]);
  });
});

describe("a response that a later request goes on from", () => {
  const goesOn = (id: string) => facts({ previousResponse: id });
  const pins = (names: readonly string[], more: Partial<KeyringSettings> = {}) =>
    ringOf(
      names.map((name) => fakeKey(name).settings),
      more,
    );

  test("leads to the key that made it, on every thread and after a reload", () => {
    const { ring, settings, buffer } = pins(["a", "b", "c"]);
    ring.acquire(facts(), ["a", "b"]).pin("resp_1");
    const other = createKeyring({ ...settings, state: openKeyState(buffer, 1) });
    const reloaded = createKeyring({ ...settings, keys: settings.keys.toReversed() });
    for (const each of [ring, other, reloaded]) expect(each.acquire(goesOn("resp_1"), []).name).toBe("c");
    expect([ring.acquire(goesOn("resp_2"), []).name, ring.acquire(facts(), []).name]).toEqual(["a", "a"]);
  });

  test.each<[string, Partial<Failure>]>([
    ["cools", { waitMs: minute }],
    ["is refused", invalid],
    ["is out of money", { class: "outOfMoney", scope: "scope" }],
    ["may not use the model", { class: "notAllowed" }],
  ])("leads elsewhere while that key %s", (_, failure) => {
    const { ring } = pins(["a", "b"]);
    const lease = ring.acquire(facts(), ["a"]);
    lease.pin("resp_1");
    lease.release({ kind: "refused", failure: { ...limited, ...failure } });
    expect(ring.acquire(goesOn("resp_1"), []).name).toBe("a");
  });

  test("leads elsewhere once that key was tried, drains, is full, or is gone", () => {
    const [a, b] = [fakeKey("a").settings, fakeKey("b", { maxConcurrent: 1 }).settings];
    const { ring, settings, state } = ringOf([a, b]);
    const lease = ring.acquire(facts(), ["a"]);
    lease.pin("resp_1");
    expect(ring.acquire(goesOn("resp_1"), []).name).toBe("a");
    lease.release(ok);
    expect(ring.acquire(goesOn("resp_1"), ["b"]).name).toBe("a");
    const draining = settings.keys.map((key) => (key.name === "b" ? { ...key, weight: 0 } : key));
    expect(createKeyring({ ...settings, keys: draining }).acquire(goesOn("resp_1"), []).name).toBe("a");
    ring.acquire(goesOn("resp_1"), []).release(ok);
    state.resetSlot(1);
    expect(createKeyring(settings).acquire(goesOn("resp_1"), []).name).toBe("a");
  });

  test("leads to its key though another would be better: one that comes back, or has little left", () => {
    const { ring, wait } = pins(["a", "b"]);
    ring.acquire(facts(), ["a"]).pin("resp_1");
    ring.acquire(facts(), ["a"]).release({ ...ok, exhaustedMs: minute });
    expect(ring.acquire(goesOn("resp_1"), []).name).toBe("b");
    ring.acquire(facts(), ["a"]).release({ kind: "refused", failure: { ...limited, waitMs: second } });
    wait(minute + second);
    const first = ring.acquire(goesOn("resp_1"), []);
    expect([first.name, ring.acquire(goesOn("resp_1"), []).name]).toEqual(["b", "b"]);
  });

  test("is remembered among a bounded number, the newest at least", () => {
    const clock = { now: () => 0 };
    const state = openKeyState(createKeyState({ slots: 2, workers: 1, pins: 64, clock }), 0);
    const { settings } = pins(["a", "b"], { state });
    const ring = createKeyring({ ...settings, state });
    const lease = ring.acquire(facts(), ["a"]);
    const ids = Array.from({ length: 1_000 }, (_, at) => `resp_${at}`);
    for (const id of ids) lease.pin(id);
    const known = ids.filter((id) => ring.acquire(goesOn(id), []).name === "b");
    expect(known.length).toBeLessThanOrEqual(64);
    expect(known).toEqual(expect.arrayContaining(ids.slice(-8)));
  });

  test("of another ring is another's, whatever its id", () => {
    const { ring, state, settings } = pins(["a", "b"]);
    const keys = ["c", "d"].map((name, at) => ({ ...fakeKey(name).settings, slot: 10 + at }));
    const other = createKeyring({ ...settings, keys, state });
    ring.acquire(facts(), ["a"]).pin("resp_1");
    expect(other.acquire(goesOn("resp_1"), []).name).toBe("c");
    other.acquire(facts(), ["c"]).pin("resp_1");
    expect([ring, other].map((each) => each.acquire(goesOn("resp_1"), []).name)).toEqual(["b", "d"]);
  });
});

describe("a suspicion", () => {
  const suspicions: Failure[] = [
    { ...invalid, class: "suspected", confirmed: false },
    { ...invalid, confirmed: false },
  ];
  test.each(suspicions)("($class) takes no key away, but asks for a probe, which may", (failure) => {
    const { ring, ends, serves, alerts } = ringOf(two());
    ends(failure);
    expect([serves(), alerts]).toEqual(["a", []]);
    expect(ring.view()[0]?.state).toBe("suspected");
    const [probe] = ring.needsProbe();
    ends(failure);
    expect([probe?.name, ring.needsProbe()]).toEqual(["a", []]);
    ring.probed("a", probe!.version, false);
    expect(serves()).toBe("b");
    expect(alerts).toMatchObject([{ kind: "key_refused", key: "a", rule: "probe" }]);
  });

  test("that a probe has answered is not raised again for a minute", () => {
    const { ring, ends, wait } = ringOf([fakeKey("a").settings]);
    ends(suspicions[0]!);
    ring.probed("a", ring.needsProbe()[0]!.version, true);
    ends(suspicions[0]!);
    expect(ring.needsProbe()).toEqual([]);
    wait(minute + 100);
    ends(suspicions[0]!);
    expect(ring.needsProbe().length).toBe(1);
  });

  test("is cleared by a later success", () => {
    const { ring, ends, wait } = ringOf([fakeKey("a").settings]);
    ends(suspicions[0]!);
    wait(second);
    ends("ok");
    expect([ring.needsProbe(), ring.view()[0]?.state]).toEqual([[], "healthy"]);
  });
});

describe("what is no fault of the key", () => {
  test.each(["overloaded", "network", "callersFault"] as const)("%s touches none", (each) => {
    const { ends, serves, ring } = ringOf([fakeKey("a").settings]);
    ends({ class: each, scope: "endpoint", waitMs: minute });
    expect([serves(), ring.view()[0]?.state]).toEqual(["a", "healthy"]);
  });

  test("an answer that a provider gives to its own limits, told of another model, neither", () => {
    const { ends, serves, refusal } = ringOf([fakeKey("a").settings]);
    ends({ class: "notAllowed" }, "gpt-5");
    expect([serves("gpt-4o"), refusal("gpt-5").code]).toEqual(["a", "model_not_allowed"]);
  });
});

describe("the end of the keys", () => {
  const refused = (name: string) => fakeKey(name).settings;

  test("is all_cooling with the earliest return as soon as one is cooling", () => {
    const { ends, refusal } = ringOf(["a", "b", "c"].map(refused));
    ends({ waitMs: 30 * second });
    ends({ waitMs: 10 * second });
    ends(invalid);
    const { code, retryAfterMs, trail } = refusal();
    expect([code, retryAfterMs]).toEqual(["all_cooling", 10 * second]);
    expect(trail).toEqual([
      { key: "a", standing: "cooling", waitMs: 30 * second },
      { key: "b", standing: "cooling", waitMs: 10 * second },
      { key: "c", standing: "refused" },
    ]);
  });

  test("is all_refused, or out_of_money where none is refused", () => {
    const { ends, refusal } = ringOf(two());
    ends({ class: "outOfMoney", scope: "scope" });
    expect(refusal(undefined, ["b"]).code).toBe("all_tried");
    ends({ class: "outOfMoney", scope: "scope" });
    expect(refusal().code).toBe("out_of_money");
    const other = ringOf(two());
    other.ends({ class: "outOfMoney", scope: "scope" });
    other.ends(invalid);
    expect(other.refusal().code).toBe("all_refused");
  });

  test("is model_not_allowed where no key's patterns take the model", () => {
    const { serves, refusal } = ringOf([
      fakeKey("a", { models: ["gpt-*", "o?"] }).settings,
      fakeKey("b", { models: [] }).settings,
    ]);
    expect([serves("gpt-5"), serves("o?"), serves()]).toEqual(["a", "a", "a"]);
    for (const model of ["claude", "xgpt-5", "o1", "GPT-5"]) expect(refusal(model).code).toBe("model_not_allowed");
  });

  test("is unresolved where no key can be read, or all drain", () => {
    const key = fakeKey("a");
    const { refusal } = ringOf([key.settings, fakeKey("b", { weight: 0 }).settings]);
    key.lose();
    expect([refusal().code, refusal().trail.map(({ standing }) => standing)]).toEqual([
      "unresolved",
      ["unresolved", "draining"],
    ]);
    expect(ringOf([fakeKey("a", { weight: 0 }).settings]).refusal().code).toBe("unresolved");
  });

  test("is shed where the keys are at limits of our own", () => {
    const { ring, refusal, serves } = ringOf([fakeKey("a", { maxConcurrent: 2 }).settings]);
    const leases = [ring.acquire(facts(), []), ring.acquire(facts(), [])];
    expect(refusal()).toMatchObject({ code: "shed", retryAfterMs: second });
    leases[0]?.release(ok);
    leases[0]?.release(ok);
    expect(serves()).toBe("a");
    ring.acquire(facts(), []);
    expect(refusal().code).toBe("shed");
  });

  test("counts requests by the minute", () => {
    const { ring, refusal, wait } = ringOf([fakeKey("a", { requestsPerMinute: 10 }).settings]);
    const allowed = () => {
      for (let count = 0; ; count++) {
        try {
          ring.acquire(facts(), []).release(ok);
        } catch {
          return count;
        }
      }
    };
    expect(allowed()).toBe(10);
    const { code, retryAfterMs = 0 } = refusal();
    expect(code).toBe("shed");
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(2 * minute);
    wait(retryAfterMs + 200);
    expect(allowed()).toBeGreaterThan(0);
    wait(10 * minute);
    expect(allowed()).toBe(10);
  });
});

describe("a ring", () => {
  test("hands on what the handle finds when it is asked again", async () => {
    const key = fakeKey("a");
    const { ring } = ringOf([key.settings]);
    const lease = ring.acquire(facts(), []);
    expect(await lease.renew()).toBe(false);
    key.rotate();
    expect(await lease.renew()).toBe(true);
    key.lose();
    expect([await lease.renew(), key.refreshed]).toEqual([false, 3]);
  });

  test("shows each key's state, its reason and its end", () => {
    const { ring, ends, now } = ringOf(two());
    ends({ scope: "key", waitMs: minute, rule: "why" });
    ends({ waitMs: minute, rule: "other" }, "gpt-5");
    const [a, b] = ring.view();
    expect(a).toMatchObject({ name: "a", state: "cooling", why: "why", until: now() + minute, inFlight: 0 });
    expect(b).toMatchObject({ state: "healthy", why: undefined });
    expect(b?.resting).toEqual([{ model: "gpt-5", state: "cooling", until: now() + minute }]);
  });

  test("learns from a report by name as from a lease, and forgives when told", () => {
    const { ring, serves } = ringOf(two());
    const { version } = ring.acquire(facts(), []);
    ring.report("a", invalid, version);
    ring.report("b", { ...limited, waitMs: minute }, version);
    expect(() => serves()).toThrow(KeyringError);
    ring.forgive("a");
    expect(serves()).toBe("a");
  });

  test("shares its state with the rings of other threads, and with the one that a reload makes", () => {
    const { ends, settings, buffer } = ringOf(two());
    ends({ waitMs: minute });
    const other = createKeyring({ ...settings, state: openKeyState(buffer, 1) });
    expect(other.acquire(facts(), []).name).toBe("b");
    expect(createKeyring(settings).acquire(facts(), []).name).toBe("b");
  });

  test("gives a slot's new owner nothing of the former one, whatever its late leases say", () => {
    const { ring, settings, state } = ringOf([fakeKey("a", { maxConcurrent: 1 }).settings]);
    const late = ring.acquire(facts(), []);
    state.resetSlot(0);
    const next = createKeyring(settings);
    const lease = next.acquire(facts(), []);
    late.release({ kind: "refused", failure: invalid });
    expect(() => next.acquire(facts(), [])).toThrow(KeyringError);
    ring.acquire(facts(), []).release(ok);
    lease.release(ok);
    expect(next.acquire(facts(), []).name).toBe("a");
  });

  test.each<[string, Partial<KeyringSettings>]>([
    ["two keys of one name", { keys: [two()[0]!, two()[0]!].map((key, slot) => ({ ...key, slot })) }],
    ["a weight below 0", { keys: [{ ...two()[0]!, slot: 0, weight: -1 }] }],
    ["a limit of 0", { keys: [{ ...two()[0]!, slot: 0, maxConcurrent: 0 }] }],
    ["a slot that is not there", { keys: [{ ...two()[0]!, slot: 32 }] }],
    ["a scope without a slot", { keys: [{ ...two()[0]!, slot: 0, scope: "x" }] }],
  ])("refuses %s", (_, more) => {
    const { settings } = ringOf(two());
    expect(() => createKeyring({ ...settings, ...more })).toThrow(/./);
  });
});

describe("slots", () => {
  test("stay with their owners over reloads, and are given out anew when those are gone", () => {
    const first = assignSlots(new Map(), ["a", "b", "c"], 4);
    expect([...first.slots]).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 2],
    ]);
    const next = assignSlots(first.slots, ["c", "d", "a", "e"], 4);
    expect([next.slots.get("a"), next.slots.get("c"), next.fresh]).toEqual([0, 2, [1, 3]]);
    expect(() => assignSlots(next.slots, ["1", "2", "3", "4", "5"], 4)).toThrow(RangeError);
  });
});
