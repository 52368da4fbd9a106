import { readFileSync } from "node:fs";
import type { Failure } from "@keybearer/secrets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifyFailure, failureRules, HeaderList, readRateLimits } from "../index.ts";

interface Case {
  readonly name: string;
  readonly provider: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly expect: Failure;
}

const now = Date.parse("2026-11-24T12:00:00Z");
const cases = JSON.parse(readFileSync(new URL("fixtures/cases.json", import.meta.url), "utf8")) as Case[];
const headersOf = (headers: Readonly<Record<string, string>> = {}) => HeaderList.from(Object.entries(headers).flat());
const classify = (provider: string, status: number, body: unknown, headers?: Readonly<Record<string, string>>) =>
  classifyFailure({
    provider,
    status,
    headers: headersOf(headers),
    body: typeof body === "string" ? body : JSON.stringify(body),
    now,
  });

describe("the table of failures", () => {
  test.each(cases)("$provider $status: $name", ({ provider, status, headers, body, expect: expected }) => {
    expect(classify(provider, status, body, headers)).toEqual(expected);
  });

  test("has a case for every row, and no two rows of one name", () => {
    const names = failureRules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const covered = new Set(cases.map((each) => each.expect.rule));
    expect(names.filter((name) => !covered.has(name))).toEqual([]);
  });

  test("writes codes and providers in lower case, as they are compared", () => {
    for (const { codes = [], providers = [] } of failureRules) {
      for (const word of [...codes, ...providers]) expect(word).toBe(word.toLowerCase());
    }
  });

  test("condemns no key for what a caller may have written into the text", () => {
    const byCode = new Set(failureRules.filter(({ codes }) => codes !== undefined).map(({ name }) => name));
    const condemned = cases.filter((each) => byCode.has(each.expect.rule) && each.expect.confirmed);
    expect(condemned.length).toBeGreaterThan(20);
    for (const { provider, status, body, expect: expected } of condemned) {
      const quoted = JSON.stringify(body);
      const echo = { error: { message: quoted, param: quoted, type: "x", code: null, metadata: { raw: quoted } } };
      expect(classify(provider, status, echo).rule).not.toBe(expected.rule);
    }
  });
});

describe("any answer", () => {
  const word = fc.constantFrom(
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-requests-remaining",
  );
  const wait = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.double().map(String),
    fc.integer().map(String),
    fc.constantFrom("6m0s", "1e400", "-1", "0", "Infinity", "9999999999999999s", "2026-13-45T99:99:99Z", "Mon, "),
  );
  const headers = fc.array(fc.tuple(word, wait), { maxLength: 6 });
  const body = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json(),
    fc.constantFrom(...cases.map((each) => JSON.stringify(each.body))),
    fc
      .constantFrom(...cases.map((each) => JSON.stringify(each.body)))
      .chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
    wait.map((text) =>
      JSON.stringify({ error: { message: `Please try again in ${text}`, details: [{ retryDelay: text }] } }),
    ),
  );
  const provider = fc.constantFrom(...cases.map((each) => each.provider), "", "else");

  test("is classified, with a wait that is finite, not negative and capped", () => {
    fc.assert(
      fc.property(provider, fc.nat(700), headers, body, (provider, status, pairs, body) => {
        const list = HeaderList.from(pairs.flat());
        const failure = classifyFailure({ provider, status, headers: list, body, now });
        expect(failure.rule).not.toBe("");
        const { waitMs = 0 } = failure;
        expect(Number.isFinite(waitMs) && waitMs >= 0 && waitMs <= 86_400_000).toBe(true);
        if (failure.class === "outOfMoney") expect(waitMs).toBeLessThanOrEqual(3_600_000);
        const { exhaustedMs = 1, limits } = readRateLimits(list, now);
        expect(Number.isFinite(exhaustedMs) && exhaustedMs > 0 && exhaustedMs <= 86_400_000).toBe(true);
        for (const { resetMs } of limits) expect(Number.isFinite(resetMs) && resetMs >= 0).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  test("is read in linear time, however it nests or repeats", () => {
    const nested = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    const words = "try again in ".repeat(5_000);
    const numbers = `retry after ${"1 s".repeat(20_000)}`;
    for (const body of [nested, words, numbers, `{"error":${JSON.stringify(numbers)}}`, "<".repeat(65_536)]) {
      expect(classify("openai", 429, body).class).toBe("limited");
    }
  });
});
