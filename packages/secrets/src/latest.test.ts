import { expect, test } from "vitest";
import { createSeal, Latest, type SecretVersion } from "./index.ts";

const clock = { now: () => 1_000 };
const seal = createSeal({ source: "test", clock });
const latest = (first: SecretVersion) => new Latest(first, { source: "test", clock, report: () => undefined });

test("a newer value replaces an older one, and never the other way round", () => {
  const [one, two] = [seal("one"), seal("two")];
  const held = latest(two);
  const heard: SecretVersion[] = [];
  held.subscribe((next) => heard.push(next));
  expect(held.set(one)).toBe(two);
  const three = seal("three");
  expect(held.set(three)).toBe(three);
  expect(held.current()).toBe(three);
  expect(heard).toEqual([three]);
});

test("an equal value is not told of, unless one of its parts differs", () => {
  const one = seal("one", { parts: { token: "a" } });
  const held = latest(one);
  expect(held.set(seal("one", { parts: { token: "a" } }))).toBe(one);
  for (const parts of [{ token: "b" }, { other: "b" }, { token: "a", other: "b" }]) {
    const next = seal("one", { parts });
    expect(held.set(next)).toBe(next);
  }
});

test("a version is dead from the moment that it names", () => {
  const current = (expiresAt: number) => () => latest(seal("one", { expiresAt })).current();
  expect(current(1_001)).not.toThrow();
  expect(current(1_000)).toThrow(expect.objectContaining({ code: "SECRET_EXPIRED", source: "test" }));
});
