import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ApiServer, ApiServerOptions } from "./api-server.ts";
import { cluster, directoryOf, open, watchedClock } from "./cluster.ts";

const put = (api: ApiServer, key: string) => api.store.put("ai", "openai-secret", { Authorization: `Bearer ${key}` });

/** A cluster with `sk-1`, and a handle whose watch has begun, on a clock that stands still. */
async function watching(options?: ApiServerOptions) {
  const api = await cluster(options);
  put(api, "sk-1");
  const clock = watchedClock();
  const begun = api.next("watch");
  const opened = await open(api, {}, { clock });
  await begun;
  return { api, clock, ...opened, value: () => opened.handle.current().secret.reveal() };
}

describe("a watched Secret", () => {
  test("that is patched is a new version at once", async () => {
    const { api, handle, next } = await watching();
    const before = handle.current();
    const changed = next();
    put(api, "sk-2");
    expect(await changed).toBe("sk-2");
    expect(handle.current().id).toBeGreaterThan(before.id);
    expect(handle.status()).toEqual({ state: "fresh", watched: true });
  });

  test.each([1, 7, 4_096])("is heard of however its events are cut: %d bytes a chunk", async (bytes) => {
    const { api, next } = await watching();
    api.watches.chunkBytes = bytes;
    for (const key of ["sk-2", "sk-3"]) {
      const changed = next();
      put(api, key);
      expect(await changed).toBe(key);
    }
  });

  test("that changes in another field, or is another one, is no new version", async () => {
    const { api, handle, next } = await watching();
    const heard: unknown[] = [];
    handle.subscribe((version) => heard.push(version));
    const read = api.next("get");
    api.store.put("ai", "openai-secret", { Authorization: "sk-1", more: "x" });
    await read;
    api.store.put("ai", "another", { Authorization: "sk-9" });
    const changed = next();
    put(api, "sk-2");
    await changed;
    expect(heard).toHaveLength(1);
  });

  test("that is deleted keeps its last good key, and says so; created again, it serves", async () => {
    const { api, handle, next, nextReport, reports, value } = await watching();
    const told = nextReport();
    api.store.remove("ai", "openai-secret");
    expect(await told).toMatchObject({ code: "SECRET_NOT_FOUND", source: "kubernetes", found: "ai/openai-secret" });
    expect(value()).toBe("sk-1");
    expect(handle.status()).toMatchObject({ state: "stale", reason: "there is no such Secret" });
    const changed = next();
    put(api, "sk-2");
    expect(await changed).toBe("sk-2");
    expect(handle.status()).toEqual({ state: "fresh", watched: true });
    expect(handle.refreshes?.()).toEqual({ new: 1, same: 0, failed: 1 });
    expect(reports).toHaveLength(1);
  });

  test("that loses its field, or holds no key, keeps its last good one, and is watched on", async () => {
    const { api, next, nextReport, value } = await watching();
    for (const [data, code] of [
      [{ other: "x" }, "SECRET_NOT_FOUND"],
      [{ Authorization: "" }, "SECRET_EMPTY"],
      [{ Authorization: "a\nb" }, "SECRET_MALFORMED"],
    ] as const) {
      const told = nextReport();
      api.store.put("ai", "openai-secret", data);
      expect((await told).code).toBe(code);
      expect(value()).toBe("sk-1");
    }
    const changed = next();
    put(api, "sk-2");
    expect(await changed).toBe("sk-2");
  });

  test("may be asked for at once by whoever was refused, and is read once for all of them", async () => {
    const { api, handle } = await watching();
    api.watches.freeze();
    put(api, "sk-2");
    const { id } = handle.current();
    const before = api.count("get");
    const versions = await Promise.all(Array.from({ length: 10 }, () => handle.refresh({ rejected: id })));
    expect(versions.map((version) => version.secret.reveal())).toEqual(Array.from({ length: 10 }, () => "sk-2"));
    expect(api.count("get") - before).toBe(1);
  });
});

describe("a watch", () => {
  test("that the server closes begins again at once, from where it was; nothing in between is lost", async () => {
    const { api, next } = await watching();
    api.store.put("ai", "another", { Authorization: "sk-9" });
    api.watches.bookmark();
    const bookmarked = String(api.store.version);
    const again = api.next("watch");
    api.watches.end();
    const changed = next();
    put(api, "sk-2");
    expect((await again).query.get("resourceVersion")).toBe(bookmarked);
    expect(await changed).toBe("sk-2");
    expect(api.count("list")).toBe(1);
  });

  test("whose place is forgotten meanwhile (410) lists again", async () => {
    const { api, next } = await watching();
    api.watches.bookmark();
    const listed = api.next("list");
    const changed = next();
    api.watches.end();
    put(api, "sk-2");
    api.store.forget();
    await listed;
    expect(await changed).toBe("sk-2");
  });

  test("that is told so by an ERROR event inside a 200 lists again", async () => {
    const { api, next } = await watching();
    api.watches.bookmark();
    const listed = api.next("list");
    const again = api.next("watch");
    api.watches.error(410, "Expired");
    await listed;
    await again;
    const changed = next();
    put(api, "sk-2");
    expect(await changed).toBe("sk-2");
  });

  test("that ends with another ERROR event, an unreadable one, or in the middle of one, waits, reads, and lists again", async () => {
    const { api, clock, value } = await watching();
    const faults = [
      () => api.watches.error(500, "InternalError"),
      () => api.watches.write("no JSON\n"),
      () => api.watches.write("x".repeat(4 * 1024 * 1024 + 1)),
      () => {
        api.watches.write('{"type":"MODI');
        api.watches.end();
      },
      () => api.watches.cut(),
    ];
    for (const [index, fault] of faults.entries()) {
      const waits = clock.waiting(800);
      fault();
      await waits;
      put(api, `sk-${index + 2}`);
      const again = api.next("watch");
      await clock.advance("800ms");
      await again;
      expect(value()).toBe(`sk-${index + 2}`);
      // Only a watch that has brought something has healed.
      api.watches.bookmark();
      const healed = api.next("watch");
      api.watches.end();
      await healed;
    }
  });

  test("that is a dead connection, which nobody has closed, is found soon after it should have ended", async () => {
    const { api, clock, next, value } = await watching();
    const changed = next();
    put(api, "sk-2");
    await changed;
    api.watches.freeze();
    put(api, "sk-3");
    const waits = clock.waiting(800);
    await clock.advance("69s");
    expect(value()).toBe("sk-2");
    await clock.advance("1s");
    await waits;
    const again = api.next("watch");
    await clock.advance("800ms");
    await again;
    expect(value()).toBe("sk-3");
  });

  test("that ends at once, and again, and again, is no storm: waits double up to 30 s", async () => {
    const { api, clock, value } = await watching();
    for (const delayMs of [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      const waits = clock.waiting(delayMs);
      api.watches.end();
      await waits;
      const again = api.next("watch");
      await clock.advance(`${delayMs}ms`);
      await again;
    }
    expect(value()).toBe("sk-1");
  });

  test("that finds no place even right after a list is no storm either", async () => {
    const { api, clock } = await watching();
    api.fail({ verb: "watch", times: 2, answer: { status: 410 } });
    const waits = clock.waiting(800);
    api.watches.bookmark();
    api.watches.end();
    await waits;
    expect(api.count("list")).toBe(2);
  });

  test("is asked for no sooner than the server says", async () => {
    const { api, clock } = await watching();
    api.watches.bookmark();
    api.fail({ verb: "watch", answer: { status: 429, headers: { "retry-after": "7" } } });
    const waits = clock.waiting(7_000);
    api.watches.end();
    await waits;
    const again = api.next("watch");
    await clock.advance("7s");
    await again;
  });

  test("that is refused (403) is reported once, with its mend, and the Secret is read each minute meanwhile", async () => {
    const api = await cluster({ rules: [{ verbs: ["get"], resourceNames: ["openai-secret"] }] });
    put(api, "sk-1");
    const clock = watchedClock();
    let waits = clock.waiting(60_000);
    const { handle, reports } = await open(api, {}, { clock });
    for (const key of ["sk-2", "sk-3"]) {
      await waits;
      put(api, key);
      waits = clock.waiting(60_000);
      await clock.advance("1m");
    }
    await waits;
    expect(handle.current().secret.reveal()).toBe("sk-3");
    expect(handle.status()).toEqual({ state: "fresh", watched: true });
    expect(reports).toMatchObject([{ code: "SECRET_DENIED", message: "no permission to list this Secret" }]);
    expect(reports[0]?.fix).toContain("--verb=get,list,watch");
    const begun = api.next("watch");
    api.rules = undefined;
    await clock.advance("1m");
    await begun;
  });
});

describe("an API server", () => {
  test("that is gone leaves the last good key, is told of once, and found again", async () => {
    const { api, clock, handle, reports, value } = await watching();
    api.fail({ verb: "get", times: 2, answer: "cut" });
    let waits = clock.waiting(800);
    api.watches.cut();
    for (const [delayMs, nextMs] of [
      [800, 1_600],
      [1_600, 3_200],
    ] as const) {
      await waits;
      waits = clock.waiting(nextMs);
      await clock.advance(`${delayMs}ms`);
    }
    await waits;
    expect(handle.status()).toMatchObject({ state: "stale" });
    expect(value()).toBe("sk-1");
    put(api, "sk-2");
    const again = api.next("watch");
    await clock.advance("3200ms");
    await again;
    expect(value()).toBe("sk-2");
    expect(reports).toMatchObject([{ code: "SECRET_UNAVAILABLE" }]);
    expect(reports).toHaveLength(1);
  });

  test("that does not answer is given up after 10 s", async () => {
    const { api, clock, handle } = await watching();
    api.fail({ verb: "get", answer: "silent" });
    const asked = api.next("get");
    const refreshed = expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
    await asked;
    await clock.advance("10s");
    await refreshed;
  });
});

describe("a token", () => {
  test("in a file is read for each request, and once more when it is refused", async () => {
    const tokens = new Set(["token-1"]);
    const api = await cluster({ tokens });
    put(api, "sk-1");
    const directory = directoryOf({ token: "token-1\n" });
    const tokenFile = join(directory, "token");
    const begun = api.next("watch");
    const { handle } = await open(api, {}, {}, { tokenFile });
    await begun;

    tokens.clear();
    tokens.add("token-2");
    const first = api.next("get");
    const refreshed = handle.refresh();
    // Between the first request and its answer the kubelet swaps the file.
    await first;
    writeFileSync(join(directory, "next"), "token-2\n");
    renameSync(join(directory, "next"), tokenFile);
    await refreshed;
    const seen = api.requests.filter(({ verb }) => verb === "get").map(({ token }) => token);
    expect(seen).toEqual(["token-1", "token-1", "token-2"]);
  });

  test("that stays refused is denied, after two requests, and the last good key is kept", async () => {
    const tokens = new Set(["token-1"]);
    const api = await cluster({ tokens });
    put(api, "sk-1");
    const begun = api.next("watch");
    const { handle } = await open(api, {}, {}, { token: "token-1" });
    await begun;
    tokens.clear();
    const before = api.count("get");
    await expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_DENIED" });
    expect(api.count("get") - before).toBe(2);
    expect(handle.current().secret.reveal()).toBe("sk-1");
  });
});
