import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

test("threads that share a budget may each take what no other holds", () => {
  const cells = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const spent: number[] = [];
  const [first, second] = [0, 1].map((index) => new ByteBudget(100_000, () => spent.push(index), { cells, index }));
  if (!first || !second) throw new Error("two");
  expect(first.take(90_000)).toBe(true);
  expect([second.take(20_000), second.take(5_000)]).toEqual([false, true]);
  first.give(90_000);
  expect([second.take(90_000), first.take(10_000)]).toEqual([true, false]);
  expect(spent).toEqual([1, 0]);
  // Whoever has died holds nothing.
  cells[1] = 0;
  expect(first.take(100_000)).toBe(true);
});

test("a budget of one thread is used to its last byte", () => {
  const budget = new ByteBudget(10, () => undefined);
  expect([budget.take(10), budget.take(1)]).toEqual([true, false]);
  budget.give(1);
  expect(budget.take(1)).toBe(true);
});
