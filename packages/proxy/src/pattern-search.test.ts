import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compileSearch } from "./pattern-search.ts";

const bytesOf = (text: string) => Buffer.from(text, "latin1");
const search = (patterns: readonly string[], text: string) => compileSearch(patterns.map(bytesOf))(bytesOf(text));

test.each([
  ["at the beginning", "sk-12345 and more"],
  ["at the end", "and more sk-12345"],
  ["alone", "sk-12345"],
  ["behind what looks like it", "sk-1234sk-1234sk-12345"],
  ["after a longer one", "a-much-longer-pattern"],
])("finds one %s", (_, text) => {
  expect(search(["sk-12345", "a-much-longer-pattern"], text)).toBe(true);
});

test.each([[""], ["sk"], ["sk-1234"], ["k-12345"], ["a-much-longer-patter"], ["sk-1234 5"]])(
  "finds none in %j",
  (text) => {
    expect(search(["sk-12345", "a-much-longer-pattern"], text)).toBe(false);
  },
);

test("finds what a search for each finds", () => {
  // Few letters, so that patterns overlap each other and the text.
  const text = (minLength: number, maxLength: number) =>
    fc.string({ unit: fc.constantFrom("a", "b", "\xff"), minLength, maxLength });
  fc.assert(
    fc.property(fc.array(text(3, 8), { minLength: 1, maxLength: 6 }), text(0, 60), (patterns, within) => {
      expect(search(patterns, within)).toBe(patterns.some((pattern) => within.includes(pattern)));
    }),
    { numRuns: 3000 },
  );
});

test("finds one of a thousand in 64 KiB, wherever it stands", () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const key = fc.string({ unit: fc.constantFrom(...letters.split("")), minLength: 20, maxLength: 60 });
  const [patterns = []] = fc.sample(fc.uniqueArray(key, { minLength: 1000, maxLength: 1000 }), { numRuns: 1, seed: 7 });
  const found = compileSearch(patterns.map(bytesOf));
  const text = Buffer.alloc(64 * 1024, '{"level":"info","time":"2026-11-25T12:24:28.866Z"}\n');
  expect(found(text)).toBe(false);
  for (const [index, pattern] of patterns.entries()) {
    const holding = Buffer.from(text);
    holding.write(pattern, (index * 65) % (text.length - pattern.length), "latin1");
    expect(found(holding)).toBe(true);
  }
});
