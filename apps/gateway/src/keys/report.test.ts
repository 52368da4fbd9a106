import { createKeyring, createKeyState, openKeyState } from "@keybearer/keyring";
import { inlineSource } from "@keybearer/secret-inline";
import { createSeal, openKey, type Key, type SecretSchedule } from "@keybearer/secrets";
import { createRegistry } from "@keybearer/telemetry";
import { describe, expect, onTestFinished, test } from "vitest";
import { columns, duration } from "./columns.ts";
import { keysReport, type KeysReportFacts, type ReportedKey } from "./report.ts";
import { keysTable } from "./table.ts";

const hour = 3_600_000;
const now = Date.parse("2026-11-24T12:00:00Z");

/** A key that was obtained an hour ago. */
async function keyOf(text: string): Promise<Key> {
  const clock = { now: () => now - hour };
  const key = await openKey({
    source: inlineSource,
    ref: text,
    context: {
      baseDirectories: [],
      env: { get: () => undefined },
      clock,
      signal: new AbortController().signal,
      report: () => undefined,
      warn: () => undefined,
      seal: createSeal({ source: "inline", clock }),
    },
  });
  onTestFinished(() => key[Symbol.asyncDispose]());
  return key;
}

const place = "config.yaml:3:5";
const reported = (name: string, more: Partial<ReportedKey> = {}): ReportedKey => ({
  name,
  source: "inline",
  place,
  handle: undefined,
  unread: undefined,
  failure: undefined,
  ...more,
});
const facts = (more: Partial<KeysReportFacts>): KeysReportFacts => ({
  from: "gateway",
  config: "config.yaml",
  keys: [],
  views: [],
  metrics: [],
  now,
  ...more,
});

describe("the report on keys", () => {
  test("joins what the handle, the keyring and the metrics know of a key", async () => {
    const handle = await keyOf("sk-one");
    const clock = { now: () => now };
    const state = openKeyState(createKeyState({ slots: 4, workers: 1, clock }), 0);
    const keyring = createKeyring({
      keys: [{ name: "one", source: "inline", handle, slot: 0, maxConcurrent: 3 }],
      state,
      clock,
      random: () => 0.5,
    });
    const rule = "limited-by-code";
    keyring.acquire({ header: () => undefined, query: () => undefined, cookie: () => undefined }, []).release({
      kind: "refused",
      failure: { class: "limited", scope: "key", waitMs: 30_000, confirmed: true, rule },
    });
    const registry = createRegistry();
    const requests = registry.counter({ name: "agentgateway_requests_total", help: "", labels: ["status", "key"] });
    requests.labels("200", "one").add(5);
    requests.labels("502", "one").add(1);
    requests.labels("200", "another").add(9);
    const tokens = registry.histogram({
      name: "agentgateway_gen_ai_client_token_usage",
      help: "",
      labels: ["gen_ai_token_type", "key"],
      buckets: [1, 10],
    });
    tokens.labels("input", "one").observe(7);
    tokens.labels("output", "one").observe(30);
    const attempts = registry.counter({ name: "keybearer_key_attempts_total", help: "", labels: ["key", "status"] });
    attempts.labels("one", "429").add(2);

    const { keys, ...head } = keysReport(
      facts({ keys: [reported("one", { handle })], views: keyring.view(), metrics: registry.snapshot() }),
    );
    expect(head).toEqual({ from: "gateway", config: "config.yaml", at: "2026-11-24T12:00:00.000Z" });
    expect(keys).toEqual([
      expect.objectContaining({
        name: "one",
        place,
        source: "inline",
        state: "cooling",
        why: rule,
        fingerprint: handle.current().secret.fingerprint,
        version: 1,
        obtainedAt: "2026-11-24T11:00:00.000Z",
        ageSeconds: 3600,
        lastSuccess: undefined,
        maxConcurrent: 3,
        refresh: { state: "fresh", next: undefined },
        usage: { requests: 6, inputTokens: 7, outputTokens: 30, refused401: 0, limited429: 2 },
      }),
    ]);
    expect(Date.parse(keys[0]!.until!)).toBeGreaterThan(now);
    expect(keys[0]!.lastUsed).toBe(keys[0]!.lastFailure);
    expect(JSON.stringify(keys)).not.toContain("sk-one");
  });

  test("tells nothing that only a gateway knows of keys that a config alone names", async () => {
    const handle = await keyOf("sk-one");
    const { keys } = keysReport(
      facts({
        from: "config",
        keys: [
          reported("one", { handle }),
          reported("two", { source: "exec", unread: "it runs a program" }),
          reported("three", { source: "passthrough" }),
        ],
      }),
    );
    expect(keys.map(({ state, why }) => [state, why])).toEqual([
      ["readable", undefined],
      ["notChecked", "it runs a program"],
      ["passthrough", undefined],
    ]);
    for (const key of keys) {
      expect(key).not.toHaveProperty("lastUsed");
      expect([key.version, key.ageSeconds, key.obtainedAt, key.usage]).toEqual(Array(4).fill(undefined));
    }
  });

  test("tells of a source that cannot be read, and when it is asked again", async () => {
    const handle = await keyOf("sk-one");
    const stale: Key = {
      ...handle,
      current: () => handle.current(),
      status: () => ({ state: "stale", since: now - 60_000, reason: "no such file", refreshAt: now + 90_000 }),
    };
    const { keys } = keysReport(facts({ keys: [reported("one", { handle: stale })] }));
    expect(keys[0]).toMatchObject({
      state: "readable",
      why: "no such file",
      refresh: { state: "stale", since: "2026-11-24T11:59:00.000Z", next: "2026-11-24T12:01:30.000Z" },
    });
    // What a command has opened for itself is not asked again.
    const alone = keysReport(facts({ from: "config", keys: [reported("one", { handle: stale })] }));
    expect(alone.keys[0]?.refresh?.next).toBeUndefined();
  });
});

describe("the table of keys", () => {
  test("has a dash for what is not known, and times as they look from now", async () => {
    const handle = await keyOf("sk-one");
    const noticedBy = (schedule: SecretSchedule): Key => ({
      ...handle,
      current: () => handle.current(),
      status: () => ({ state: "fresh", ...schedule }),
    });
    const keys = [
      reported("one", { handle: noticedBy({ refreshAt: now + 90_000 }) }),
      reported("two"),
      reported("three", { handle: noticedBy({ watched: true }) }),
    ];
    const [head = "", one = "", two = "", three = ""] = keysTable(keysReport(facts({ keys }))).split("\n");
    expect(head.split(/ {2,}/)).toEqual([
      "NAME", "WHERE", "SOURCE", "FINGERPRINT", "VERSION", "AGE", "LAST USED", "LAST OK", "NEXT REFRESH",
      "REQUESTS", "TOKENS", "401", "429", "STATE",
    ]); // prettier-ignore
    expect(one.split(/ {2,}/)).toEqual([
      "one", place, "inline", handle.current().secret.fingerprint, "1", "1h", "-", "-", "in 1m 30s",
      "0", "0", "-", "-", "readable",
    ]); // prettier-ignore
    expect(three.split(/ {2,}/)[8]).toBe("watched");
    const dashes = Array<string>(6).fill("-");
    expect(two.split(/ {2,}/)).toEqual(["two", place, "inline", ...dashes, "0", "0", "-", "-", "notChecked"]);
  });

  test("lets nothing through that steers a terminal", () => {
    expect(columns([["a\u001b[2Jb\nc\u009b1m\u202e", "d"]])).toBe("a [2Jb c 1m   d\n");
  });

  test.each([
    [0, "0s"],
    [59, "59s"],
    [90, "1m 30s"],
    [3600, "1h"],
    [90_061, "1d 1h"],
    [86_460, "1d"],
    [-5, "0s"],
  ])("writes %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
