import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLog, type LogLevel } from "./index.ts";

function logged(level: LogLevel, format: "json" | "text" = "json") {
  const lines: string[] = [];
  const log = createLog({ level, format, write: (text) => lines.push(text), now: () => 0 });
  return { log, lines };
}

test("only what is urgent enough is written, and the level can change", () => {
  const { log, lines } = logged("warn", "text");
  const all = () => {
    for (const level of ["error", "warn", "info", "debug", "trace"] as const) log[level](level);
  };
  all();
  expect(lines).toEqual(["1970-01-01T00:00:00.000Z\terror\terror\n", "1970-01-01T00:00:00.000Z\twarn\twarn\n"]);
  log.level = "trace";
  all();
  expect(lines).toHaveLength(7);
  expect(log.enabled("debug")).toBe(true);
});

test("facts follow the message, in text as logfmt and in JSON as members", () => {
  const facts = { "key.name": "main", status: 503, path: "/a b", nothing: undefined, list: [1] };
  const text = logged("info", "text");
  text.log.info("key cooled: naïve", facts);
  expect(text.lines[0]).toBe(
    '1970-01-01T00:00:00.000Z\tinfo\tkey cooled: naïve key.name=main status=503 path="/a b" list=[1]\n',
  );
  const json = logged("info");
  json.log.info("m", { ...facts, level: "mine" });
  expect(JSON.parse(json.lines[0]!)).toEqual({
    level: "info",
    time: "1970-01-01T00:00:00.000Z",
    message: "m",
    "key.name": "main",
    status: 503,
    path: "/a b",
    list: [1],
    level_: "mine",
  });
});

describe("an Error", () => {
  const error = new Error("cannot connect", { cause: new Error("refused") });

  test.each(["json", "text"] as const)("is its messages, and never its stack below debug (%s)", (format) => {
    const { log, lines } = logged("info", format);
    log.error("failed", { error, nested: { error } });
    expect(lines[0]).toContain('"cannot connect: refused"');
    expect(lines[0]).not.toContain("log.test.ts");
  });

  test("has its stack at debug, on one line", () => {
    const { log, lines } = logged("debug", "text");
    log.error("failed", { error });
    expect(lines[0]).toContain("log.test.ts");
    expect(lines[0]?.indexOf("\n")).toBe(lines[0]!.length - 1);
  });
});

test.each(["json", "text"] as const)("an object with toJSON is written as what that returns (%s)", (format) => {
  const secret = { value: "sk-real", toJSON: () => "[secret 3f9a1c07]" };
  const { log, lines } = logged("trace", format);
  log.info("m", { secret, deep: { secret } });
  expect(lines[0]).toContain("[secret 3f9a1c07]");
  expect(lines[0]).not.toContain("sk-real");
});

test("what JSON cannot say does not throw", () => {
  const circular: Record<string, unknown> = { big: 1n };
  circular["self"] = circular;
  const throws = { toJSON: () => { throw new Error("no"); } }; // prettier-ignore
  const { log, lines } = logged("info");
  log.info("m", { circular, throws, big: 10n, call: () => 1, symbol: Symbol("s") });
  expect(JSON.parse(lines[0]!)).toMatchObject({
    circular: "[not serializable]",
    throws: "[not serializable]",
    big: "10",
  });
});

test("no text makes a second line or moves the cursor", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.dictionary(fc.string({ unit: "binary" }), fc.anything()),
      (text, facts) => {
        for (const format of ["json", "text"] as const) {
          const { log, lines } = logged("trace", format);
          log.warn(text, facts);
          const [line, ...more] = lines[0]!.split("\n");
          expect(more).toEqual([""]);
          expect(line!.replace(/^\S+\twarn\t/, "")).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202e]/u);
          if (format === "json") expect(JSON.parse(line!)).toMatchObject({ level: "warn", message: text });
        }
      },
    ),
    { numRuns: 200 },
  );
});
