import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasVariables, interpolate, InterpolateError, parseTemplate } from "./index.ts";

const env: Readonly<Record<string, string>> = { KEY: "sk-1", EMPTY: "", _a1: "under", MONEY: "$KEY ${KEY} $$" };
const expand = (text: string) => interpolate(text, (name) => env[name]);

function failure(run: () => unknown): InterpolateError {
  try {
    run();
  } catch (error) {
    if (InterpolateError.is(error)) return error;
  }
  throw new Error("expected an InterpolateError");
}

describe("interpolate", () => {
  test.each([
    ["$KEY", "sk-1"],
    ["${KEY}", "sk-1"],
    ["Bearer $KEY.", "Bearer sk-1."],
    ["${KEY}abc$KEY", "sk-1abcsk-1"],
    ["$_a1", "under"],
    ["${NONE:-else}", "else"],
    ["${EMPTY:-else}", "else"],
    ["${KEY:-else}", "sk-1"],
    ["${NONE:-}", ""],
    ["${NONE:-$KEY ${KEY}", "$KEY ${KEY"],
    ["${NONE:-a}b}", "ab}"],
    ["$EMPTY", ""],
    ["$$KEY", "$KEY"],
    ["$$$KEY", "$sk-1"],
    ["$$$$", "$$"],
    ["$1 $ $- a$", "$1 $ $- a$"],
    ["$é", "$é"],
    ["plain", "plain"],
    ["", ""],
  ])("%j becomes %j", (text, expected) => {
    expect(expand(text)).toBe(expected);
  });

  test("what a variable holds is not expanded again", () => {
    expect(expand("<$MONEY>")).toBe("<$KEY ${KEY} $$>");
  });

  test.each([
    ["${}", 0, 3],
    ["ab${1}c", 2, 4],
    ["${KEY-x}", 0, 8],
    ["${KEY:?x}", 0, 9],
    ["${KEY:=x}", 0, 9],
    ["${ KEY }", 0, 8],
    ["${a.b}", 0, 6],
    ["x${KEY", 1, 5],
    ["${", 0, 2],
  ])("%j is TEMPLATE_SYNTAX at %d, %d long", (text, offset, length) => {
    expect(failure(() => expand(text))).toMatchObject({ code: "TEMPLATE_SYNTAX", offset, length });
    expect(failure(() => parseTemplate(text))).toMatchObject({ code: "TEMPLATE_SYNTAX", offset, length });
  });

  test("an unset variable is named, with its place", () => {
    expect(failure(() => expand("k: ${NONE}!"))).toMatchObject({
      code: "VARIABLE_UNSET",
      variable: "NONE",
      offset: 3,
      length: 7,
    });
  });

  test("no message quotes the template", () => {
    expect(failure(() => expand("sk-secret${")).message).not.toContain("sk-secret");
    expect(failure(() => expand("sk-secret$NONE")).message).not.toContain("sk-secret");
  });
});

test("hasVariables tells a reference from a dollar sign", () => {
  expect(["$A", "x${A}", "${A:-}", "$$$A", "${?"].map(hasVariables)).toEqual([true, true, true, true, true]);
  expect(["", "a", "$$", "$$A", "$1", "cost: 5$", "$ {A}"].map(hasVariables)).toEqual(Array(7).fill(false));
});

describe("for every text", () => {
  const soup = fc.string({
    unit: fc.constantFrom("$", "{", "}", ":", "-", "A", "b_", "1", " ", "é", "\n"),
    maxLength: 30,
  });
  const lookup = (name: string) => `<${name}>`;

  test("doubling its dollar signs gives the text itself", () => {
    fc.assert(
      fc.property(soup, (text) => {
        expect(interpolate(text.replaceAll("$", "$$$$"), lookup)).toBe(text);
      }),
    );
  });

  test("interpolate and parseTemplate agree, and fail only with an InterpolateError inside the text", () => {
    fc.assert(
      fc.property(soup, (text) => {
        try {
          const parts = parseTemplate(text);
          expect(parts.some((part) => part.kind === "variable")).toBe(hasVariables(text));
          const joined = parts.map((part) => (part.kind === "text" ? part.text : lookup(part.name))).join("");
          expect(interpolate(text, lookup)).toBe(joined);
          for (const part of parts) {
            if (part.kind === "variable") {
              expect(text.slice(part.offset, part.offset + part.length)).toMatch(/^\$[A-Za-z_{]/);
            }
          }
        } catch (error) {
          if (!InterpolateError.is(error)) throw error;
          const { offset = -1, length = Infinity } = error;
          expect(text.slice(offset, offset + 2)).toBe("${");
          expect(offset + length).toBeLessThanOrEqual(text.length);
        }
      }),
    );
  });

  test("a value arrives as it is, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(interpolate("a${V}b", () => value)).toBe(`a${value}b`);
      }),
    );
  });
});

test("a long run of unfinished references takes no quadratic time", () => {
  expect(failure(() => expand("${a:-".repeat(200_000))).code).toBe("TEMPLATE_SYNTAX");
  expect(expand("$".repeat(400_000))).toHaveLength(200_000);
});
