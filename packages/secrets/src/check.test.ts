import * as fc from "fast-check";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createSeal, SecretError } from "./index.ts";

const seal = createSeal({ source: "test", clock: { now: () => 0 } });

function refusal(text: string): SecretError {
  try {
    seal(text);
  } catch (error) {
    if (SecretError.is(error)) return error;
  }
  throw new Error("expected a SecretError");
}

describe("a key", () => {
  test.each([
    ["sk-abc", "sk-abc"],
    ["sk-abc\n", "sk-abc"],
    ["\r\n\t sk-abc \r\n\n", "sk-abc"],
    ["two words", "two words"],
    ["it's", "it's"],
    ["BearerToken", "BearerToken"],
    ["c2VjcmV0a2V5Cg==", "c2VjcmV0a2V5Cg=="],
    ["QUJDKEY==", "QUJDKEY=="],
  ])("may be %j", (text, key) => {
    expect(seal(text).secret.reveal()).toBe(key);
  });

  test.each([
    ["", "SECRET_EMPTY", "nothing"],
    [" \t\n", "SECRET_EMPTY", "white space alone"],
    ["canary\ncanary\n", "SECRET_MALFORMED", "2 lines"],
    ["canary\r\n\r\ncanary\rcanary", "SECRET_MALFORMED", "3 lines"],
    ["can\u0000ary", "SECRET_MALFORMED", "U+0000 at character 4"],
    ["can\tary", "SECRET_MALFORMED", "U+0009 at character 4"],
    ["can\u007fary", "SECRET_MALFORMED", "U+007F at character 4"],
    ["canary\u2026", "SECRET_MALFORMED", "U+2026 at character 7"],
    ["\u{1f511}canary", "SECRET_MALFORMED", "U+1F511 at character 1"],
    ["\u00a0canary", "SECRET_MALFORMED", "U+00A0 at character 1"],
    ['"canary"', "SECRET_MALFORMED", '" at both ends'],
    ["'canary'", "SECRET_MALFORMED", "' at both ends"],
    ['"', "SECRET_MALFORMED", '" at both ends'],
    ["Bearer canary", "SECRET_MALFORMED", "a value that begins with Bearer"],
    ["bearer canary", "SECRET_MALFORMED", "a value that begins with Bearer"],
    ["Bearer ", "SECRET_MALFORMED", "a value that begins with Bearer"],
    ["OPENAI_API_KEY=canary", "SECRET_MALFORMED", "NAME=value"],
    ["export TOKEN=canary", "SECRET_MALFORMED", "NAME=value"],
  ])("is not %j", (text, code, found) => {
    const error = refusal(text);
    expect(error).toMatchObject({ code, source: "test", found });
    expect(error.fix).not.toBe("");
    expect(inspect(error)).not.toContain("canary");
  });

  test("may be as long as 64 KiB, and no longer", () => {
    expect(seal("k".repeat(65_536)).secret.reveal()).toHaveLength(65_536);
    expect(refusal("k".repeat(65_537))).toMatchObject({ code: "SECRET_MALFORMED", found: "65537 characters" });
  });

  test("that came with >> run twice is told how to mend it", () => {
    expect(refusal("a\nb").fix).toContain(">>");
  });
});

describe("for every text", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "Z", "-", " ", "\n", "\r", "\t", '"', "é", "\u0000"),
    maxLength: 12,
  });

  test("what passes is one line of printable ASCII with no space at its ends; the rest is a SecretError", () => {
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          expect(seal(candidate).secret.reveal()).toMatch(/^(?! )[\x20-\x7e]+(?<! )$/);
        } catch (error) {
          if (!SecretError.is(error)) throw error;
        }
      }),
    );
  });

  test("a key made of what keys are made of passes as it is", () => {
    const letters = ["a", "Z", "0", "9", "-", "_", ".", "+", "/", "~", "="];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 80 }), (key) => {
        expect(seal(`${key}\n`).secret.reveal()).toBe(key);
      }),
    );
  });

  test("no refusal shows four characters of it in a row", () => {
    const piece = fc.string({ unit: fc.constantFrom("Q", "q", "X", "x", "7"), minLength: 4, maxLength: 20 });
    const spoil = fc.constantFrom("\n", "\u0001", "é", "\r\n");
    fc.assert(
      fc.property(piece, spoil, piece, (head, middle, tail) => {
        const printed = inspect(refusal(`${head}${middle}${tail}`));
        expect(printed).not.toContain(head);
        expect(printed).not.toContain(tail);
      }),
    );
  });
});
