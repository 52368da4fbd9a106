import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { handleIdentity } from "./index.ts";

test("equal data is one identity, whatever the order of its members", () => {
  expect(handleIdentity("file", { a: 1, b: [2, undefined] })).toBe(handleIdentity("file", { b: [2, undefined], a: 1 }));
});

test("different data is different identities", () => {
  const plain = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(plain, plain, (one, other) => {
      expect(handleIdentity(one) === handleIdentity(other)).toBe(isDeepStrictEqual(one, other));
      expect(handleIdentity(one)).toBe(handleIdentity(structuredClone(one)));
    }),
  );
  const pairs = [
    [["a", "b"], ["ab"]],
    [
      [["a"], "b"],
      ["a", ["b"]],
    ],
    [["1"], [1]],
    [[null], [undefined]],
    [[{}], [[]]],
    [[0n], [0]],
  ];
  for (const [one, other] of pairs) expect(handleIdentity(...one!)).not.toBe(handleIdentity(...other!));
});

test("what is no plain data is like nothing else, itself included", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  for (const value of [
    () => 1,
    new Map(),
    new AbortController(),
    Symbol("a"),
    new Date(0),
    cyclic,
    { [Symbol("a")]: 1 },
  ]) {
    expect(handleIdentity({ value })).not.toBe(handleIdentity({ value }));
  }
});

test("holds nothing of a key", () => {
  expect(handleIdentity("inline", "sk-secret")).not.toContain("secret");
});
