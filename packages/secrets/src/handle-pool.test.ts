import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HandlePool } from "./index.ts";

function house() {
  const reported: unknown[] = [];
  const pool = new HandlePool<TestHandle>((error) => reported.push(error));
  const opened: TestHandle[] = [];
  const open = async (signal: AbortSignal): Promise<TestHandle> => {
    const handle = new TestHandle(signal);
    opened.push(handle);
    return handle;
  };
  return { pool, open, opened, reported };
}

class TestHandle implements AsyncDisposable {
  readonly signal: AbortSignal;
  closed = 0;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
  }
}

describe("a pool of handles", () => {
  test("opens one for all who want it at once, and closes it with the last of them", async () => {
    const { pool, open, opened } = house();
    const [one, two] = await Promise.all([pool.acquire("a", open), pool.acquire("a", open)]);
    expect(one.handle).toBe(two.handle);
    await Promise.all([one.release(), one.release()]);
    expect(opened).toMatchObject([{ closed: 0, signal: { aborted: false } }]);
    await two.release();
    expect(opened).toMatchObject([{ closed: 1, signal: { aborted: true } }]);
    expect(pool.size).toBe(0);
  });

  test("keeps over a reload what both configs name, and closes what only the old one named", async () => {
    const { pool, open, opened } = house();
    const before = await Promise.all(["kept", "gone"].map((name) => pool.acquire(name, open)));
    const after = await Promise.all(["kept", "new"].map((name) => pool.acquire(name, open)));
    await Promise.all(before.map((lease) => lease.release()));
    expect(after[0]!.handle).toBe(before[0]!.handle);
    expect(opened.map(({ closed }) => closed)).toEqual([0, 1, 0]);
  });

  test("leaves nothing behind where opening fails, for none of those who asked", async () => {
    const { pool, open } = house();
    let signal: AbortSignal | undefined;
    const fail = async (handed: AbortSignal) => {
      signal = handed;
      throw new Error("no key");
    };
    const both = [pool.acquire("a", fail), pool.acquire("a", open)];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([pool.size, signal?.aborted]).toEqual([0, true]);
    expect((await pool.acquire("a", open)).handle.closed).toBe(0);
  });

  test("opens a new one while an old one of that identity is being closed", async () => {
    const { pool, open, opened } = house();
    const first = await pool.acquire("a", open);
    const releasing = first.release();
    const second = await pool.acquire("a", open);
    await releasing;
    expect(opened.map(({ closed }) => closed)).toEqual([1, 0]);
    await second.release();
    expect(pool.size).toBe(0);
  });

  test("reports a handle that cannot be closed, and releases it all the same", async () => {
    const { pool, reported } = house();
    const stuck = {
      signal: new AbortController().signal,
      closed: 0,
      [Symbol.asyncDispose]: () => Promise.reject(new Error("stuck")),
    };
    const lease = await pool.acquire("a", async () => stuck);
    await lease.release();
    expect(reported).toEqual([new Error("stuck")]);
    expect(pool.size).toBe(0);
  });

  test("whatever is acquired and released: held is open, and what nobody holds is closed once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ identity: fc.constantFrom("a", "b"), release: fc.boolean(), fails: fc.boolean() })),
        async (steps) => {
          const { pool, open, opened } = house();
          const held: { identity: string; handle: TestHandle; release(): Promise<void> }[] = [];
          const pending: Promise<unknown>[] = [];
          for (const { identity, release, fails } of steps) {
            const index = held.findIndex((lease) => lease.identity === identity);
            if (release && index !== -1) pending.push(held.splice(index, 1)[0]!.release());
            else if (!release) {
              const attempt = pool.acquire(identity, fails ? () => Promise.reject(new Error("no")) : open);
              await attempt.then(
                (lease) => held.push({ identity, ...lease }),
                () => undefined,
              );
            }
            for (const { handle } of held) expect(handle.closed).toBe(0);
          }
          await Promise.all([...pending, ...held.map((lease) => lease.release())]);
          expect(opened.every(({ closed }) => closed === 1)).toBe(true);
          expect(pool.size).toBe(0);
        },
      ),
      { numRuns: 100 },
    ));
});
