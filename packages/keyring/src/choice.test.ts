import { createSeal, staticHandle, type Lease } from "@keybearer/secrets";
import { describe, expect, test } from "vitest";
import { createKeyring, createKeyState, openKeyState, type KeySettings, type KeyringSettings } from "./index.ts";

const clock = { now: () => 1_700_000_000_000 };
const handle = staticHandle(createSeal({ source: "fake", clock })("sk-fake"));

/** mulberry32: the same numbers each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ringOf(keys: readonly (Partial<KeySettings> & { name: string })[], more: Partial<KeyringSettings> = {}) {
  const state = openKeyState(createKeyState({ slots: 16, workers: 1, clock }), 0);
  const ring = createKeyring({
    keys: keys.map((key, slot) => ({ source: "fake", handle, slot, ...key })),
    state,
    clock,
    random: chance(1),
    ...more,
  });
  const lease = (conversation?: string, caller?: string, tried: readonly string[] = []): Lease =>
    ring.acquire({ header: none, query: none, cookie: none, conversation, caller }, tried);
  const serves = (conversation?: string, caller?: string, tried: readonly string[] = []) => {
    const taken = lease(conversation, caller, tried);
    taken.release({ kind: "abandoned" });
    return taken.name;
  };
  return { ring, lease, serves };
}

const none = () => undefined;
const named = (...names: string[]) => names.map((name) => ({ name }));
const conversations = Array.from({ length: 4_000 }, (_, at) => `conversation-${at}`);
const shares = (served: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const name of served) counts[name] = (counts[name] ?? 0) + 1 / served.length;
  return counts;
};

describe("affinity", () => {
  test("gives one conversation one key, in every replica, whatever the order of the keys", () => {
    const [one, other] = [ringOf(named("a", "b", "c")), ringOf(named("c", "a", "b"), { random: chance(2) })];
    for (const id of conversations.slice(0, 500)) expect(other.serves(id, "me")).toBe(one.serves(id, "me"));
  });

  test("keeps callers apart: the same name of a conversation is another's conversation", () => {
    const { serves } = ringOf(named("a", "b"));
    const moved = conversations.filter((id) => serves(id, "one") !== serves(id, "two")).length;
    expect(moved / conversations.length).toBeGreaterThan(0.45);
    expect(moved / conversations.length).toBeLessThan(0.55);
  });

  test("moves about 1/n of the conversations when a key comes, all of them to it", () => {
    const [three, four] = [ringOf(named("a", "b", "c")), ringOf(named("a", "b", "c", "d"))];
    const moved = conversations.filter((id) => three.serves(id) !== four.serves(id));
    expect(moved.length / conversations.length).toBeGreaterThan(0.22);
    expect(moved.length / conversations.length).toBeLessThan(0.28);
    for (const id of moved) expect(four.serves(id)).toBe("d");
  });

  test("moves only the conversations of a key that goes, and spreads them over all others", () => {
    const { serves } = ringOf(named("a", "b", "c"));
    const kept = conversations.filter((id) => serves(id) !== "a");
    for (const id of kept.slice(0, 500)) expect(serves(id, undefined, ["a"])).toBe(serves(id));
    const { b = 0, c = 0 } = shares(
      conversations.filter((id) => serves(id) === "a").map((id) => serves(id, undefined, ["a"])),
    );
    expect(Math.abs(b - c)).toBeLessThan(0.1);
  });

  test.each([["of known conversations"], ["of none"]])("respects weights for requests %s", (which) => {
    const { serves } = ringOf([
      { name: "a", weight: 1 },
      { name: "b", weight: 3 },
      { name: "c", weight: 0 },
    ]);
    const { a = 0, b = 0, c } = shares(conversations.map((id) => serves(which === "of none" ? undefined : id)));
    expect(c).toBeUndefined();
    // Four standard deviations of 4,000 draws.
    expect(Math.abs(a - 0.25)).toBeLessThan(0.028);
    expect(Math.abs(b - 0.75)).toBeLessThan(0.028);
  });

  test("lets a hot conversation go over to other keys before it swamps its own", () => {
    const { lease, serves } = ringOf(named("a", "b", "c", "d"));
    const home = serves("hot");
    const leases = Array.from({ length: 40 }, () => lease("hot"));
    const counts = shares(leases.map(({ name }) => name));
    expect(leases.slice(0, 4).map(({ name }) => name)).toEqual([home, home, home, home]);
    for (const each of Object.values(counts))
      expect(Math.round(each * 40)).toBeLessThanOrEqual(Math.ceil((1.25 * 41) / 4) + 1);
    for (const each of leases) each.release({ kind: "answered", status: 200 });
    expect(serves("hot")).toBe(home);
  });
});

describe("in turn", () => {
  test("each key has its share in every round", () => {
    const { serves } = ringOf(
      [
        { name: "a", weight: 2 },
        { name: "b", weight: 1 },
        { name: "c", weight: 0 },
      ],
      { strategy: "roundRobin" },
    );
    const served = Array.from({ length: 300 }, () => serves("the same conversation"));
    expect(served.filter((name) => name === "a").length).toBeCloseTo(200, -1);
    for (let at = 0; at + 3 <= 300; at += 3) expect(served.slice(at, at + 3)).toContain("b");
  });
});

describe("in order", () => {
  test("the first that is in service serves, whatever the weights", () => {
    const keys = [{ name: "a", weight: 0 }, { name: "b", weight: 0.1 }, { name: "c" }];
    const { serves } = ringOf(keys, { strategy: "ordered" });
    expect([serves(), serves("x"), serves("x", "me", ["b"])]).toEqual(["b", "b", "c"]);
  });
});
