import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InterpolateError, parseEnvFile } from "./index.ts";

const read = (text: string) => Object.fromEntries(parseEnvFile(text));

function failure(text: string): InterpolateError {
  try {
    parseEnvFile(text);
  } catch (error) {
    if (InterpolateError.is(error)) return error;
  }
  throw new Error("expected an InterpolateError");
}

describe("parseEnvFile", () => {
  test.each<[string, Record<string, string>]>([
    ["", {}],
    ["A=1\nB=two words\n", { A: "1", B: "two words" }],
    ["  A = 1  \n", { A: "1" }],
    ["export A=1\nexport\tB=2", { A: "1", B: "2" }],
    ["# note\n\n  # more\nA=1 # why\nB=a#b\nC=\nD= # nothing\nE=#x", { A: "1", B: "a#b", C: "", D: "", E: "#x" }],
    ["A='$B \\n # x' # y\nB=\"$A # x\"", { A: "$B \\n # x", B: "$A # x" }],
    ['A="a\\nb\\tc\\"d\\\\ \\$ \\x"', { A: 'a\nb\tc"d\\ $ \\x' }],
    ['A="one\ntwo"\nB=3', { A: "one\ntwo", B: "3" }],
    ["A='one\n# two'\nB=3", { A: "one\n# two", B: "3" }],
    ["A=`it's`", { A: "it's" }],
    ['A="ends with \\\\"\nB=2', { A: "ends with \\", B: "2" }],
    ['\uFEFFA=1\r\nB="x\r\ny"\r\n', { A: "1", B: "x\ny" }],
    ["A=1\nA=2", { A: "2" }],
    ["A=a=b==", { A: "a=b==" }],
    ["A=it's", { A: "it's" }],
  ])("%j", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test("a name from Object.prototype is an ordinary name", () => {
    expect(parseEnvFile("__proto__=1").get("__proto__")).toBe("1");
  });

  test.each([
    ["A=1\nnonsense\n", 2],
    ["A=1\n\nexport B\n", 3],
    ["1A=x", 1],
    ["A: x", 1],
    ['A=1\nB="x\ny\n', 2],
    ["A='x' y", 1],
    ['A="x\ny"z', 2],
    ['A="x\\"', 1],
  ])("%j is ENV_FILE_SYNTAX on line %d", (text, line) => {
    expect(failure(text)).toMatchObject({ code: "ENV_FILE_SYNTAX", line });
  });

  test("an error does not show a value", () => {
    expect(failure('A="sk-secret').message).not.toContain("sk-secret");
    expect(failure("'sk-secret'").message).not.toContain("sk-secret");
  });
});

describe("for every value", () => {
  const quoteDouble = (value: string) => `"${value.replaceAll(/[\\"$]/g, String.raw`\$&`)}"`;
  const value = fc.string({ unit: fc.constantFrom("a", "\\", '"', "'", "$", "#", " ", "\n", "é", "="), maxLength: 20 });

  test("double quotes carry it", () => {
    fc.assert(
      fc.property(value, (text) => {
        expect(read(`A=${quoteDouble(text)} # c\nB=2`)).toEqual({ A: text, B: "2" });
      }),
    );
  });

  test("single quotes carry it, if it has none", () => {
    fc.assert(
      fc.property(value, (text) => {
        const bare = text.replaceAll("'", "");
        expect(read(`A='${bare}'\nB=2`)).toEqual({ A: bare, B: "2" });
      }),
    );
  });

  test("any text is read, or refused with a line that exists", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("A", "=", '"', "'", "#", " ", "\n", "\r", "\\"), maxLength: 40 }),
        (text) => {
          try {
            parseEnvFile(text);
          } catch (error) {
            if (!InterpolateError.is(error)) throw error;
            expect(error.line).toBeGreaterThan(0);
            expect(error.line).toBeLessThanOrEqual(text.split(/\r\n?|\n/).length);
          }
        },
      ),
    );
  });
});
