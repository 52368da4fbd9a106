import { describe, expect, test } from "vitest";
import { defineSecretSource, openSecret, SecretError, type Fetched, type StandardSchemaV1 } from "./index.ts";
import { fakeClock } from "./testing/index.ts";

const anySchema: StandardSchemaV1<unknown, unknown> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

/** A store whose answers are set by the test, and which counts how often it is asked. */
async function open(first: Fetched, settings: { ttl?: "10m" } = {}) {
  const clock = fakeClock();
  const reported: unknown[] = [];
  const store = { fetches: 0, answer: async (_signal: AbortSignal): Promise<Fetched> => first };
  const source = defineSecretSource({
    name: "store",
    schema: anySchema,
    random: () => 1,
    fetch: (_ref, { signal }) => {
      store.fetches += 1;
      return store.answer(signal);
    },
    ...settings,
  });
  const handle = await openSecret(source, "ref", { clock, report: (error) => reported.push(error) });
  return { clock, handle, reported, store, value: () => handle.current().secret.reveal() };
}

const unavailable = () => Promise.reject(new SecretError("SECRET_UNAVAILABLE", "store", "down"));

describe("a defined source", () => {
  test("fetches again ahead of its ttl", async () => {
    const { clock, store, value } = await open("one", { ttl: "10m" });
    store.answer = async () => "two";
    await clock.advance("7m");
    expect([store.fetches, value()]).toEqual([1, "one"]);
    await clock.advance("2m");
    expect([store.fetches, value()]).toEqual([2, "two"]);
    await clock.advance("9m");
    expect(store.fetches).toBe(3);
  });

  test("says when it fetches next, and nothing while it does or when it never will", async () => {
    const { clock, handle, store } = await open("one", { ttl: "10m" });
    expect(handle.status()).toEqual({ state: "fresh", refreshAt: clock.now() + 540_000 });
    const answer = Promise.withResolvers<Fetched>();
    store.answer = () => answer.promise;
    await clock.advance("9m");
    expect([store.fetches, handle.status()]).toEqual([2, { state: "fresh" }]);
    answer.resolve("one");
    await handle.refresh();
    expect(handle.status()).toEqual({ state: "fresh", refreshAt: clock.now() + 540_000 });
    await handle[Symbol.asyncDispose]();
    expect(handle.status()).toEqual({ state: "fresh" });
    expect((await open("one")).handle.status()).toEqual({ state: "fresh" });
  });

  test("fetches again ahead of the expiry, when that is sooner than the ttl", async () => {
    const { clock, store } = await open({ value: "one", expiresAt: fakeClock().now() + 60_000 }, { ttl: "10m" });
    store.answer = async () => "two";
    await clock.advance("55s");
    expect(store.fetches).toBe(2);
  });

  test("without ttl and expiry is not asked again by itself", async () => {
    const { clock, store } = await open("one");
    await clock.advance("30d");
    expect(store.fetches).toBe(1);
  });

  test("keeps the last good value, waits longer after each failure, reports it, and recovers", async () => {
    const { clock, handle, reported, store, value } = await open("one", { ttl: "10m" });
    store.answer = unavailable;
    await clock.advance("9m");
    expect([store.fetches, value()]).toEqual([2, "one"]);
    const failedAt = clock.now();
    const afterASecond = { refreshAt: failedAt + 1_000 };
    expect(handle.status()).toEqual({ state: "stale", since: failedAt, reason: "down", ...afterASecond });
    await clock.advance("1h");
    expect(store.fetches).toBeLessThan(16);
    expect(reported).toHaveLength(store.fetches - 1);
    expect(handle.status()).toMatchObject({ state: "stale", since: failedAt });
    store.answer = async () => "two";
    await clock.advance("15m");
    expect([value(), handle.status().state]).toEqual(["two", "fresh"]);
  });

  test("asks a store that denied it a minute later, not at once", async () => {
    const { clock, store } = await open("one", { ttl: "10m" });
    store.answer = () => Promise.reject(new SecretError("SECRET_DENIED", "store", "no"));
    await clock.advance("9m");
    await clock.advance("50s");
    expect(store.fetches).toBe(2);
    await clock.advance("10s");
    expect(store.fetches).toBe(3);
  });

  test("hands out no key that has expired", async () => {
    const { clock, handle, store } = await open({ value: "one", expiresAt: fakeClock().now() + 60_000 });
    store.answer = unavailable;
    await clock.advance("1m");
    expect(() => handle.current()).toThrow(expect.objectContaining({ code: "SECRET_EXPIRED", source: "store" }));
    expect(handle.status()).toMatchObject({ state: "failing", reason: "down" });
  });

  test("takes a later expiry of the same value for news, and an equal one for none", async () => {
    const first = { value: "one", expiresAt: fakeClock().now() + 60_000 };
    const { handle, store } = await open(first);
    const before = handle.current();
    expect(await handle.refresh()).toBe(before);
    store.answer = async () => ({ ...first, expiresAt: first.expiresAt + 60_000 });
    const after = await handle.refresh();
    expect(after.id).toBeGreaterThan(before.id);
    expect(after.expiresAt).toBe(first.expiresAt + 60_000);
  });
});

describe("a rejected key", () => {
  test("costs one fetch, however many requests it failed", async () => {
    const { handle, store } = await open("one");
    const { id } = handle.current();
    store.answer = async () => "two";
    const versions = await Promise.all(Array.from({ length: 50 }, () => handle.refresh({ rejected: id })));
    expect(new Set(versions.map((version) => version.secret.reveal()))).toEqual(new Set(["two"]));
    await handle.refresh({ rejected: id });
    expect(store.fetches).toBe(2);
  });

  test("of which the store knows nothing newer is not looked up again for ten seconds", async () => {
    const { clock, handle, store } = await open("one");
    const { id } = handle.current();
    for (let count = 0; count < 3; count += 1) expect((await handle.refresh({ rejected: id })).id).toBe(id);
    expect(store.fetches).toBe(2);
    store.answer = async () => "two";
    await clock.advance("10s");
    const next = await handle.refresh({ rejected: id });
    expect(next.secret.reveal()).toBe("two");
    // That one found something, so the next rejection does not have to wait.
    store.answer = async () => "three";
    expect((await handle.refresh({ rejected: next.id })).secret.reveal()).toBe("three");
  });

  test("for which a newer version is at hand does not wait, whatever the store does", async () => {
    const { handle, store } = await open("one");
    const { id } = handle.current();
    store.answer = async () => "two";
    const two = await handle.refresh();
    store.answer = unavailable;
    await expect(handle.refresh()).rejects.toMatchObject({ message: "down" });
    expect(await handle.refresh({ rejected: id })).toBe(two);
    store.answer = () => new Promise(() => undefined);
    const hanging = handle.refresh().catch((error: unknown) => error);
    expect(await handle.refresh({ rejected: id })).toBe(two);
    expect(store.fetches).toBe(4);
    await handle[Symbol.asyncDispose]();
    await hanging;
  });

  test("that comes during a fetch is served by it, if it finds something new", async () => {
    const { clock, handle, store } = await open("one");
    const { id } = handle.current();
    const gate = Promise.withResolvers<string>();
    store.answer = () => gate.promise;
    const first = handle.refresh({ rejected: id });
    await clock.advance("1ms");
    const second = handle.refresh({ rejected: id });
    gate.resolve("two");
    expect(await second).toBe(await first);
    expect(store.fetches).toBe(2);
  });

  test("does not ask a store that has just failed", async () => {
    const { handle, store } = await open("one");
    const { id } = handle.current();
    store.answer = unavailable;
    await expect(handle.refresh({ rejected: id })).rejects.toMatchObject({ message: "down" });
    await expect(handle.refresh({ rejected: id })).rejects.toMatchObject({ message: "down" });
    expect(store.fetches).toBe(2);
    await expect(handle.refresh()).rejects.toMatchObject({ message: "down" });
    expect(store.fetches).toBe(3);
  });
});

describe("a fetch that hangs", () => {
  const hang = () => new Promise<never>(() => undefined);

  test("is given up after 30 s, and its signal fires", async () => {
    const { clock, handle, store } = await open("one");
    let seen: AbortSignal | undefined;
    store.answer = (signal) => {
      seen = signal;
      return hang();
    };
    const refreshed = handle.refresh().catch((error: unknown) => error);
    await clock.advance("30s");
    expect(await refreshed).toMatchObject({ code: "SECRET_UNAVAILABLE", message: "no answer within 30 s" });
    expect(seen?.aborted).toBe(true);
  });

  test("does not keep a handle from being closed, and no fetch follows", async () => {
    const { clock, handle, store } = await open("one", { ttl: "10m" });
    store.answer = hang;
    const refreshed = handle.refresh().catch((error: unknown) => error);
    await clock.advance("1ms");
    await handle[Symbol.asyncDispose]();
    expect(await refreshed).toMatchObject({ code: "SECRET_UNAVAILABLE" });
    await clock.advance("1d");
    expect(store.fetches).toBe(2);
    await expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  });

  test("ends when the context's signal fires", async () => {
    const source = defineSecretSource({ name: "store", schema: anySchema, fetch: hang });
    const controller = new AbortController();
    const opened = openSecret(source, "ref", { signal: controller.signal });
    controller.abort();
    await expect(opened).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  });
});

test("what came of its reads is counted: new, the same, failed, and no read that was spared", async () => {
  const { clock, handle, store } = await open("one", { ttl: "10m" });
  const counts = () => handle.refreshes?.();
  expect(counts()).toEqual({ new: 0, same: 0, failed: 0 });
  await clock.advance("9m");
  expect(counts()).toEqual({ new: 0, same: 1, failed: 0 });
  store.answer = async () => "two";
  await clock.advance("9m");
  expect(counts()).toEqual({ new: 1, same: 1, failed: 0 });
  store.answer = unavailable;
  for (let asked = 0; asked < 3; asked += 1) {
    await handle.refresh({ rejected: handle.current().id }).catch(() => undefined);
  }
  expect(counts()).toEqual({ new: 1, same: 1, failed: 1 });
  await handle[Symbol.asyncDispose]();
  await handle.refresh().catch(() => undefined);
  expect(counts()).toEqual({ new: 1, same: 1, failed: 1 });
});

test("a listener that throws is reported, and the next one still hears", async () => {
  const { handle, reported, store } = await open("one");
  const heard: string[] = [];
  handle.subscribe(() => {
    throw new Error("mine");
  });
  handle.subscribe((next) => heard.push(next.secret.reveal()));
  store.answer = async () => "two";
  await handle.refresh();
  expect(heard).toEqual(["two"]);
  expect(reported).toEqual([new Error("mine")]);
});

test("a ttl that is no duration is refused where the source is defined", () => {
  const settings = { name: "store", schema: anySchema, fetch: () => "x" };
  expect(() => defineSecretSource({ ...settings, ttl: "0s" })).toThrow(RangeError);
  expect(() => defineSecretSource({ ...settings, ttl: "-1m" })).toThrow(RangeError);
});
