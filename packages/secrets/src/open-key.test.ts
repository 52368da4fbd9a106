import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import {
  createSeal,
  defineSecretSource,
  openKey,
  SecretError,
  staticHandle,
  type Fetched,
  type Key,
  type KeyPlace,
  type KeyPolicy,
  type Notice,
  type SecretSource,
  type StandardSchemaV1,
} from "./index.ts";
import { fakeClock, testSecretSource, type FakeClock, type SecretPlace } from "./testing/index.ts";

const anySchema: StandardSchemaV1<unknown, unknown> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

interface Store {
  fetches: number;
  answer: () => Promise<Fetched>;
}

/** A store whose answers are set by the test, and what a source of it was told. */
function place(clock: FakeClock, answer: () => Promise<Fetched>, ttl?: "1m") {
  const store: Store = { fetches: 0, answer };
  const reported: SecretError[] = [];
  const notices: Notice[] = [];
  const controller = new AbortController();
  const source = defineSecretSource({
    name: "store",
    schema: anySchema,
    random: () => 1,
    fetch: () => {
      store.fetches += 1;
      return store.answer();
    },
    ...(ttl === undefined ? {} : { ttl }),
  });
  const key: KeyPlace = {
    source,
    ref: "ref",
    context: {
      baseDirectories: [],
      env: { get: () => undefined },
      clock,
      signal: controller.signal,
      report: (error) => reported.push(SecretError.from("store", error)),
      warn: (notice) => notices.push(notice),
      seal: createSeal({ source: "store", clock }),
    },
  };
  return { key, store, reported, notices, controller };
}

const down = (message = "down") => Promise.reject(new SecretError("SECRET_UNAVAILABLE", "store", message));
const hang = () => new Promise<never>(() => undefined);
const text = (key: Key) => key.current().secret.reveal();
const previous = (key: Key) => key.previous()?.secret.reveal();
const settled = <Value>(promise: Promise<Value>) => promise.catch((error: unknown) => error);

async function open(
  policy: Partial<KeyPolicy>,
  answer: () => Promise<Fetched> = async () => "one",
  settings: { ttl?: "1m"; previous?: KeyPlace; clock?: FakeClock } = {},
) {
  const clock = settings.clock ?? fakeClock();
  const made = place(clock, answer, settings.ttl);
  const opening = openKey({ ...made.key, policy, previous: settings.previous, random: () => 1 });
  return { clock, opening, ...made };
}

describe("a source behind a policy is as every source", () => {
  const entries = new Map<string, string>();
  let count = 0;
  const inner = defineSecretSource<string>({
    name: "pass",
    schema: {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => (typeof value === "string" ? { value } : { issues: [{ message: "expected an entry" }] }),
      },
    },
    fetch: (entry) => {
      const value = entries.get(entry);
      if (value === undefined) throw new SecretError("SECRET_NOT_FOUND", "pass", "there is no such entry");
      return value;
    },
  });
  const source: SecretSource<string> = {
    name: "pass",
    schema: inner.schema,
    open: (ref, context) => openKey({ source: inner, ref, context, policy: { maxStaleMs: 3_600_000 } }),
  };
  testSecretSource({
    test,
    source,
    changes: true,
    place: (text): SecretPlace => {
      const entry = `key-${(count += 1)}`;
      entries.set(entry, text);
      return {
        ref: entry,
        write: (next) => void entries.set(entry, next),
        remove: () => void entries.delete(entry),
      };
    },
  });
});

describe("startup: fail", () => {
  test("throws what the source throws, after one attempt", async () => {
    const { opening, store } = await open({}, down);
    expect(await settled(opening)).toMatchObject({ code: "SECRET_UNAVAILABLE", message: "down" });
    expect(store.fetches).toBe(1);
  });

  test("does not wait for ever for a source that hangs", async () => {
    const { clock, opening } = await open({ startupTimeoutMs: 5_000 }, hang);
    const failed = settled(opening);
    await clock.advance("5s");
    expect(await failed).toMatchObject({ code: "SECRET_UNAVAILABLE", message: "no answer within 5 s" });
  });
});

describe("startup: wait", () => {
  const policy = { startup: "wait", startupTimeoutMs: 60_000 } as const;

  test("tries until it opens, with growing gaps", async () => {
    const { clock, opening, store } = await open(policy, down);
    await clock.advance("400ms");
    expect(store.fetches).toBe(1);
    await clock.advance("31500ms");
    // After 0.5, 1, 2, 4, 8 and 16 s.
    expect(store.fetches).toBe(7);
    store.answer = async () => "one";
    // The last attempt is at the very end.
    await clock.advance("29s");
    expect(text(await opening)).toBe("one");
  });

  test("ends with what was last wrong", async () => {
    const { clock, opening, store } = await open(policy, down);
    const failed = settled(opening);
    await clock.advance("30s");
    store.answer = () => Promise.reject(new SecretError("SECRET_NOT_FOUND", "store", "gone", { fix: "put it there" }));
    await clock.advance("1m");
    expect(await failed).toMatchObject({
      code: "SECRET_NOT_FOUND",
      message: "gone (tried for 60 s)",
      fix: "put it there",
    });
  });

  test("gives up an attempt that hangs, and closes what it opens too late", async () => {
    const clock = fakeClock();
    const { key } = place(clock, hang);
    const gate = Promise.withResolvers<void>();
    let closed = 0;
    const source: SecretSource = {
      name: "slow",
      schema: anySchema,
      open: async (_ref, context) => {
        await gate.promise;
        return { ...staticHandle(context.seal("late")), [Symbol.asyncDispose]: async () => void (closed += 1) };
      },
    };
    const failed = settled(openKey({ ...key, source, policy: { ...policy, startupTimeoutMs: 10_000 } }));
    await clock.advance("20s");
    expect(await failed).toMatchObject({ code: "SECRET_UNAVAILABLE", source: "slow" });
    gate.resolve();
    await clock.advance("1ms");
    expect(closed).toBeGreaterThan(0);
  });

  test("ends when the key is no longer wanted", async () => {
    const { clock, controller, opening, store } = await open(policy, down);
    const failed = settled(opening);
    await clock.advance("1s");
    controller.abort();
    expect(await failed).toMatchObject({ code: "SECRET_UNAVAILABLE" });
    const { fetches } = store;
    await clock.advance("1m");
    expect(store.fetches).toBe(fetches);
  });

  test("keeps the process alive, which may have nothing else to live for", async () => {
    const script = `
      import { openKey, defineSecretSource, openSecret } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
      let count = 0;
      const source = defineSecretSource({
        name: "store",
        schema: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
        fetch: () => {
          if ((count += 1) < 2) throw new Error();
          return "one";
        },
      });
      const waiting = {
        ...source,
        open: (ref, context) => openKey({ source, ref, context, policy: { startup: "wait" }, random: () => 0 }),
      };
      console.log((await openSecret(waiting, "ref")).current().secret.reveal());`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
    expect(stdout).toBe("one\n");
  });
});

describe("startup: degraded", () => {
  const policy = { startup: "degraded" } as const;

  test("has the key at once where the source has", async () => {
    const { opening, reported } = await open(policy);
    expect(text(await opening)).toBe("one");
    expect(reported).toEqual([]);
  });

  test("returns without a key, goes on trying, and tells when it has one", async () => {
    const { clock, opening, reported, store } = await open(policy, down);
    const key = await opening;
    expect(() => key.current()).toThrow(
      expect.objectContaining({ code: "SECRET_UNAVAILABLE", message: "there is no key yet: down" }),
    );
    const inHalfASecond = { refreshAt: clock.now() + 500 };
    expect(key.status()).toEqual({ state: "failing", since: clock.now(), reason: "down", ...inHalfASecond });
    expect(key.previous()).toBeUndefined();
    const heard: string[] = [];
    key.subscribe((next) => heard.push(next.secret.reveal()));
    key.watchStatus(({ state }) => heard.push(state));
    await clock.advance("1h");
    // Growing up to 30 s: some 120 an hour, and one report.
    expect(store.fetches).toBeLessThan(130);
    expect(reported).toHaveLength(1);
    store.answer = async () => "one";
    await clock.advance("30s");
    expect(text(key)).toBe("one");
    expect(heard).toEqual(["one", "fresh"]);
    const { fetches } = store;
    expect(key.refreshes()).toEqual({ new: 0, same: 0, failed: fetches - 1 });
    await clock.advance("1d");
    expect(store.fetches).toBe(fetches);
  });

  test("asks a store that denied it more and more seldom", async () => {
    const denied = () => Promise.reject(new SecretError("SECRET_DENIED", "store", "no"));
    const { clock, opening, store } = await open(policy, denied);
    await opening;
    await clock.advance("1d");
    // 5 s, 10 s, ... 15 min: 96 quarters of an hour, and the first eight attempts.
    expect(store.fetches).toBeLessThan(106);
  });

  test("returns soon when the source hangs, which delays no other key", async () => {
    const clock = fakeClock();
    const stuck = await open(policy, hang, { clock });
    const other = await open(policy, async () => "other", { clock });
    expect(text(await other.opening)).toBe("other");
    await clock.advance("250ms");
    const key = await stuck.opening;
    expect(() => key.current()).toThrow(expect.objectContaining({ message: "the key has not been read yet" }));
    stuck.store.answer = async () => "one";
    await clock.advance("40s");
    expect(text(key)).toBe("one");
  });

  test("tries at once when it is asked to, one attempt for all who ask", async () => {
    const { opening, store } = await open(policy, down);
    const key = await opening;
    store.answer = async () => "one";
    const [first, second] = await Promise.all([key.refresh(), key.refresh()]);
    expect(second).toBe(first);
    expect(store.fetches).toBe(2);
    expect(text(key)).toBe("one");
  });

  test("stops when it is closed", async () => {
    const { clock, opening, store } = await open(policy, down);
    const key = await opening;
    await key[Symbol.asyncDispose]();
    await clock.advance("1h");
    expect(store.fetches).toBe(1);
    await expect(key.refresh()).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  });
});

describe("maxStale", () => {
  test("ends a key whose source has failed for that long, and a success revives it", async () => {
    const { clock, opening, store } = await open({ maxStaleMs: 3_600_000 }, async () => "one", { ttl: "1m" });
    const key = await opening;
    const states: string[] = [];
    key.watchStatus(({ state }) => states.push(state));
    store.answer = down;
    await clock.advance("54s");
    const failedAt = clock.now();
    await clock.advance("59m");
    expect(text(key)).toBe("one");
    expect(key.status()).toMatchObject({ state: "stale", since: failedAt });
    await clock.advance("1m");
    expect(() => key.current()).toThrow(expect.objectContaining({ code: "SECRET_EXPIRED", source: "store" }));
    expect(key.status()).toMatchObject({ state: "failing", since: failedAt + 3_600_000, reason: "down" });
    expect(key.status().refreshAt).toBeGreaterThan(clock.now());
    expect(key.refreshes().failed).toBe(store.fetches - 1);
    store.answer = async () => "one";
    await clock.advance("15m");
    expect([text(key), key.status().state]).toEqual(["one", "fresh"]);
    expect(states).toEqual(["stale", "failing", "fresh"]);
  });

  test("is unlimited by default", async () => {
    const { clock, opening, store } = await open({}, async () => "one", { ttl: "1m" });
    const key = await opening;
    store.answer = down;
    await clock.advance("30d");
    expect(text(key)).toBe("one");
  });

  test("is kept to for a source that does not tell of its status", async () => {
    const clock = fakeClock();
    const { key: at } = place(clock, hang);
    let since: number | undefined;
    const source: SecretSource = {
      name: "quiet",
      schema: anySchema,
      open: async (_ref, context) => {
        const version = context.seal("one");
        return {
          current: () => version,
          refresh: async () => version,
          subscribe: () => () => undefined,
          status: () => (since === undefined ? { state: "fresh" } : { state: "stale", since, reason: "down" }),
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
    };
    const key = await openKey({ ...at, source, policy: { maxStaleMs: 60_000 } });
    const states: string[] = [];
    key.watchStatus(({ state }) => states.push(state));
    since = clock.now();
    await clock.advance("1m");
    expect(() => key.current()).toThrow(expect.objectContaining({ code: "SECRET_EXPIRED" }));
    expect(states).toEqual(["stale", "failing"]);
    await key[Symbol.asyncDispose]();
  });
});

describe("maxAge", () => {
  test("is told of, once a version, and the key serves on", async () => {
    const { clock, notices, opening, store } = await open({ maxAgeMs: 86_400_000 });
    const key = await opening;
    const obtainedAt = clock.now();
    await clock.advance("23h");
    expect(key.status()).toEqual({ state: "fresh" });
    await clock.advance("2h");
    expect(key.status()).toEqual({ state: "fresh", overdueSince: obtainedAt + 86_400_000 });
    expect(text(key)).toBe("one");
    await clock.advance("1d");
    expect(notices.map(({ code }) => code)).toEqual(["SECRET_OLD"]);
    store.answer = async () => "two";
    await key.refresh();
    expect(key.status()).toEqual({ state: "fresh" });
    await clock.advance("2d");
    expect(notices).toHaveLength(2);
  });

  test("counts from when the key was written, where the source knows", async () => {
    const clock = fakeClock();
    const writtenAt = clock.now() - 100 * 86_400_000;
    const { notices, opening } = await open({ maxAgeMs: 86_400_000 }, async () => ({ value: "one", writtenAt }), {
      clock,
    });
    expect((await opening).status()).toEqual({ state: "fresh", overdueSince: writtenAt + 86_400_000 });
    expect(notices).toHaveLength(1);
  });
});

describe("previous()", () => {
  test("is the version before a rotation, for as long as the overlap", async () => {
    const { clock, opening, store } = await open({ overlapMs: 600_000 });
    const key = await opening;
    const one = key.current();
    expect(key.previous()).toBeUndefined();
    store.answer = async () => "two";
    await key.refresh();
    expect(key.previous()).toEqual({ ...one, expiresAt: clock.now() + 600_000 });
    await clock.advance("9m");
    expect(previous(key)).toBe("one");
    store.answer = async () => "three";
    await key.refresh();
    expect(previous(key)).toBe("two");
    await clock.advance("10m");
    expect(key.previous()).toBeUndefined();
  });

  test("is not the same value with a later expiry, nor one that has expired", async () => {
    const clock = fakeClock();
    const expiring = (value: string, inMs: number) => async () => ({ value, expiresAt: clock.now() + inMs });
    const { opening, store } = await open({}, expiring("one", 60_000), { clock });
    const key = await opening;
    store.answer = expiring("one", 120_000);
    await key.refresh();
    expect(key.previous()).toBeUndefined();
    store.answer = expiring("two", 240_000);
    await key.refresh();
    expect(key.previous()?.expiresAt).toBe(clock.now() + 120_000);
    await clock.advance("2m");
    expect(key.previous()).toBeUndefined();
  });

  test("is the key of the configured source, unless a rotation was seen", async () => {
    const clock = fakeClock();
    const old = place(clock, async () => "zero");
    const { opening, store } = await open({}, undefined, { clock, previous: old.key });
    const key = await opening;
    expect(previous(key)).toBe("zero");
    expect(key.previous()).toBe(key.previous());
    expect(key.previous()?.id).toBeLessThan(0);
    store.answer = async () => "two";
    await key.refresh();
    expect(previous(key)).toBe("one");
    await clock.advance("10m");
    expect(previous(key)).toBe("zero");
    store.answer = async () => "zero";
    await key.refresh();
    await clock.advance("10m");
    expect(key.previous()).toBeUndefined();
  });

  test("of a source that cannot be read keeps no key from opening, and comes later", async () => {
    const clock = fakeClock();
    const old = place(clock, down);
    const { opening } = await open({}, undefined, { clock, previous: old.key });
    const key = await opening;
    expect([text(key), key.previous()]).toEqual(["one", undefined]);
    expect(old.reported).toMatchObject([{ message: "down" }]);
    old.store.answer = async () => "zero";
    await clock.advance("1m");
    expect(previous(key)).toBe("zero");
    await key[Symbol.asyncDispose]();
  });
});

test("a refresh that a source never ends ends all the same", async () => {
  const clock = fakeClock();
  const { key: at } = place(clock, hang);
  const source: SecretSource = {
    name: "stuck",
    schema: anySchema,
    open: async (_ref, context) => ({ ...staticHandle(context.seal("one")), refresh: hang }),
  };
  const key = await openKey({ ...at, source });
  const refreshed = settled(key.refresh());
  await clock.advance("1m");
  expect(await refreshed).toMatchObject({ code: "SECRET_UNAVAILABLE", source: "stuck" });
  expect(text(key)).toBe("one");
});
