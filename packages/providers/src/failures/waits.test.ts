import { describe, expect, test } from "vitest";
import { HeaderList, parseWait, readRateLimits } from "../index.ts";

const now = Date.parse("2026-11-24T12:00:00Z");
const limits = (headers: Readonly<Record<string, string>>) =>
  readRateLimits(HeaderList.from(Object.entries(headers).flat()), now);

describe("a wait", () => {
  test.each([
    ["20", 20_000],
    ["1.5", 1_500],
    ["33011.38", 33_011_380],
    ["0", 0],
    ["6m0s", 360_000],
    ["1s", 1_000],
    ["12ms", 12],
    ["2m59.56s", 179_560],
    ["1h2m3.5s", 3_723_500],
    ["3.5s", 3_500],
    ["1d", 86_400_000],
    ["2026-11-24T12:00:30Z", 30_000],
    ["2026-11-24T13:00:00+01:00", 0],
    ["Tue, 24 Nov 2026 12:00:10 GMT", 10_000],
    ["1795521610", 10_000],
    ["1795521610000", 10_000],
    ["2025-01-01T00:00:00Z", 0],
  ])("%s", (text, ms) => {
    expect(parseWait(text, now)).toBe(ms);
  });

  test.each(["", "soon", "-5", "1e9999", "5 apples", "m", "2026", "2026-13-45T99:99:99Z", "1".repeat(100)])(
    "is not %j",
    (text) => {
      const wait = parseWait(text, now);
      expect(wait === undefined || text === "2026").toBe(true);
    },
  );
});

describe("what is left", () => {
  test("is spent when any limit has nothing remaining, until its reset", () => {
    const spent = limits({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-limit-tokens": "150000",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "6m0s",
    });
    expect(spent.exhaustedMs).toBe(360_000);
    expect(spent.limits).toEqual([
      { name: "requests", limit: 60, remaining: 59, resetMs: 1_000 },
      { name: "tokens", limit: 150_000, remaining: 0, resetMs: 360_000 },
    ]);
  });

  test("is not spent where a header is absent, negative, or counts against a limit of nothing", () => {
    expect(limits({}).exhaustedMs).toBeUndefined();
    expect(limits({ "x-ratelimit-reset-tokens": "5" }).exhaustedMs).toBeUndefined();
    const azure = {
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-limit-tokens": "-1",
      "x-ratelimit-reset-tokens": "9",
    };
    expect(limits(azure).exhaustedMs).toBeUndefined();
    expect(limits({ ...azure, "x-ratelimit-limit-tokens": "0" }).limits).toEqual([]);
  });

  test("is read in Anthropic's names too", () => {
    const spent = limits({
      "anthropic-ratelimit-input-tokens-limit": "50000",
      "anthropic-ratelimit-input-tokens-remaining": "0",
      "anthropic-ratelimit-input-tokens-reset": "2026-11-24T12:00:07Z",
    });
    expect(spent).toEqual({
      limits: [{ name: "input-tokens", limit: 50_000, remaining: 0, resetMs: 7_000 }],
      exhaustedMs: 7_000,
    });
  });

  test("is believed for a day at most", () => {
    const spent = limits({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9000000" });
    expect(spent.exhaustedMs).toBe(86_400_000);
  });
});
