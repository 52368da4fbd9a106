import type { LookupFunction } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { startHeld, startPool, turns, type Asked } from "./held-upstream.ts";

/** A name server of one name. Undefined: it does not know. */
function nameServer(...addresses: readonly string[]) {
  let current: readonly string[] | undefined = addresses;
  let asked = 0;
  let isSilent = false;
  let told = (): void => undefined;
  const lookup: LookupFunction = (_name, _options, done) => {
    asked++;
    if (isSilent) return;
    const tell = told;
    const found = current?.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    setImmediate(() => {
      if (found) done(null, found);
      else done(Object.assign(new Error("no answer"), { code: "EAI_AGAIN" }), "");
      tell();
    });
  };
  return {
    lookup,
    asked: () => asked,
    change(next: readonly string[] | undefined) {
      current = next;
      isSilent = false;
    },
    /** Answers nobody any more. */
    fallSilent: () => void (isSilent = true),
    /** Calls `then` after the answer to the next question, which is the last. */
    answerOnce(then: () => void) {
      told = () => {
        told = () => undefined;
        isSilent = true;
        then();
      };
    },
  };
}

const soon = { resolveIntervalMs: 10 };

async function startMoving(limits: { readonly maxConnections?: number } = {}) {
  const old = await startHeld();
  const next = await startHeld({ address: "127.0.0.2", port: old.port });
  const names = nameServer("127.0.0.1");
  const pool = startPool(`it.test:${old.port}`, { ...soon, ...limits }, names);
  const move = (): Promise<void> =>
    new Promise((resolve) => {
      names.change(["127.0.0.2"]);
      names.answerOnce(resolve);
    });
  return { ...pool, old, next, names, move };
}

describe("a name that leads elsewhere", () => {
  test("ends the idle connections to where it led before; those in use end with their requests", async () => {
    const { ask, closing, open, old, next, names, move } = await startMoving();
    const [long, short] = [ask("/long"), ask("/short")];
    const held = [await old.next(), await old.next()];
    held.find(({ path }) => path === "/short")?.answer();
    await short.answer;
    await turns();
    const idleClosed = closing();
    await move();
    await idleClosed;
    expect(open()).toBe(1);
    const lastClosed = closing();
    held.find(({ path }) => path === "/long")?.answer();
    expect(await long.answer).toBe("/long");
    await lastClosed;
    names.change(["127.0.0.2"]);
    const moved = ask("/moved");
    (await next.next()).answer();
    expect(await moved.answer).toBe("/moved");
    expect(old.paths).toHaveLength(2);
  });

  test("takes those that wait, and those that come at that moment, to where it leads now", async () => {
    const { ask, old, next, names } = await startMoving({ maxConnections: 1 });
    const first = ask("/first");
    (await old.next()).answer();
    await first.answer;
    await turns();
    const atOnce = new Promise<Asked>((resolve) => {
      names.change(["127.0.0.2"]);
      names.answerOnce(() => {
        names.change(["127.0.0.2"]);
        resolve(ask("/at-once"));
      });
    });
    const [{ answer }, held] = await Promise.all([atOnce, next.next()]);
    const waiting = ask("/waiting");
    names.change(["127.0.0.1"]);
    await new Promise<void>((resolve) => names.answerOnce(resolve));
    names.change(["127.0.0.1"]);
    held.answer();
    expect(await answer).toBe("/at-once");
    (await old.next()).answer();
    expect(await waiting.answer).toBe("/waiting");
  });
});

test("a connection stays as long as its address is among those of the name, or none can be had", async () => {
  const upstream = await startHeld({ answerAll: true });
  const names = nameServer("127.0.0.1");
  const { ask, open, unresolved } = startPool(`it.test:${upstream.port}`, soon, names);
  await ask().answer;
  for (const addresses of [["127.0.0.9", "127.0.0.1"], undefined, []]) {
    names.change(addresses);
    const before = names.asked();
    await vi.waitFor(() => expect(names.asked()).toBeGreaterThan(before + 2));
    expect(open()).toBe(1);
    const again = ask();
    await again.answer;
    expect(again.isReused()).toBe(true);
  }
  expect(unresolved).toEqual([`it.test:${upstream.port}: no answer`]);
});

test("a name is not asked about while nothing is connected", async () => {
  const upstream = await startHeld({ answerAll: true });
  const names = nameServer("127.0.0.1");
  const limits = { ...soon, idleTimeoutMs: 20 };
  const { ask, closing, pool } = startPool(`it.test:${upstream.port}`, limits, { ...names, random: () => 0 });
  await ask().answer;
  await closing();
  const asked = names.asked();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(names.asked()).toBe(asked);
  await ask().answer;
  await vi.waitFor(() => expect(names.asked()).toBeGreaterThan(asked + 2));
  await pool.destroy();
});

test("a name with a dead IPv6 address and a living IPv4 one is reached", async () => {
  const upstream = await startHeld({ answerAll: true });
  const { ask } = startPool(`it.test:${upstream.port}`, {}, nameServer("::1", "127.0.0.1"));
  expect(await ask("/a").answer).toBe("/a");
});

test("a name is asked about once for all who connect, and its answer serves those who connect soon after", async () => {
  const upstream = await startHeld({ answerAll: true });
  const names = nameServer("127.0.0.1");
  const { ask, open } = startPool(`it.test:${upstream.port}`, {}, names);
  await Promise.all(Array.from({ length: 20 }, () => ask().answer));
  expect([open(), names.asked()]).toEqual([20, 1]);
  upstream.hangUp();
  await vi.waitFor(() => expect(open()).toBe(0));
  await ask().answer;
  expect(names.asked()).toBe(1);
});

test.each([
  ["is slow", (names: ReturnType<typeof nameServer>) => names.fallSilent()],
  ["cannot tell", (names: ReturnType<typeof nameServer>) => names.change(undefined)],
])("a name server that %s holds up no connection to where the name led", async (_, fail) => {
  const upstream = await startHeld({ answerAll: true });
  const names = nameServer("127.0.0.1");
  const { ask, open } = startPool(`it.test:${upstream.port}`, { resolveIntervalMs: 1 }, names);
  await ask("/a").answer;
  fail(names);
  upstream.hangUp();
  await vi.waitFor(() => expect(open()).toBe(0));
  expect(await ask("/b").answer).toBe("/b");
});

test("a name that exists no more is not reached where it led", async () => {
  const upstream = await startHeld({ answerAll: true });
  const names = nameServer("127.0.0.1");
  const { ask, open } = startPool(`it.test:${upstream.port}`, { resolveIntervalMs: 1 }, names);
  await ask("/a").answer;
  names.change([]);
  upstream.hangUp();
  await vi.waitFor(() => expect(open()).toBe(0));
  await expect(ask("/b").answer).rejects.toMatchObject({ code: "ENOTFOUND" });
});

test("a name is asked about anew when nobody was reached where it led", async () => {
  const upstream = await startHeld({ answerAll: true, address: "127.0.0.2" });
  const names = nameServer("127.0.0.1");
  const { ask } = startPool(`it.test:${upstream.port}`, {}, names);
  await expect(ask("/a").answer).rejects.toMatchObject({ code: "ECONNREFUSED" });
  names.change(["127.0.0.2"]);
  expect(await ask("/b").answer).toBe("/b");
});
