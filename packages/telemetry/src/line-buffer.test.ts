import { expect, test } from "vitest";
import { createLineBuffer } from "./index.ts";

const textOf = (lines: Uint8Array): string => Buffer.from(lines).toString();

function buffered(maxBytes = 1000) {
  const written: string[] = [];
  const timers: { flush: () => void; ms: number; off: boolean }[] = [];
  const buffer = createLineBuffer({
    write: (lines) => written.push(textOf(lines)),
    flushMs: 50,
    maxBytes,
    schedule(flush, ms) {
      const timer = { flush, ms, off: false };
      timers.push(timer);
      return () => (timer.off = true);
    },
  });
  return { buffer, written, timers };
}

test("lines wait for the timer and leave in one write, in order", () => {
  const { buffer, written, timers } = buffered();
  buffer.add("a");
  buffer.add("b");
  expect([written, timers.map(({ ms }) => ms)]).toEqual([[], [50]]);
  timers[0]!.flush();
  buffer.add("c");
  timers[1]!.flush();
  expect(written).toEqual(["a\nb\n", "c\n"]);
});

test("maxBytes are written at once, counted in UTF-8, and the timer is called off", () => {
  const { buffer, written, timers } = buffered(6);
  buffer.add("é");
  expect(written).toEqual([]);
  buffer.add("é");
  expect(written).toEqual(["é\né\n"]);
  expect(timers.map(({ off }) => off)).toEqual([true]);
});

test("a line that does not fit goes after those before it, whole, however long it is", () => {
  const { buffer, written, timers } = buffered(10);
  buffer.add("abc");
  buffer.add("defghij");
  buffer.add("é".repeat(10));
  buffer.add("k");
  timers.at(-1)!.flush();
  expect(written).toEqual(["abc\n", "defghij\n", `${"é".repeat(10)}\n`, "k\n"]);
});

test("what was written stays as it was while other lines come", () => {
  const kept: Uint8Array[] = [];
  const buffer = createLineBuffer({ write: (lines) => kept.push(lines), flushMs: 1, maxBytes: 4 });
  for (const line of ["abc", "def", "ghi"]) buffer.add(line);
  expect(kept.map(textOf)).toEqual(["abc\n", "def\n", "ghi\n"]);
});

test("close writes what waits, once, and later lines are not lost", () => {
  const { buffer, written } = buffered();
  buffer.add("a");
  buffer.close();
  buffer.close();
  expect(written).toEqual(["a\n"]);
  buffer.add("late");
  expect(written).toEqual(["a\n", "late\n"]);
});

test("the usual timer fires by itself", async () => {
  const text = await new Promise((write) => {
    createLineBuffer({ write: (lines) => write(textOf(lines)), flushMs: 1, maxBytes: 100 }).add("a");
    setTimeout(() => {}, 1000).unref();
    const keepAlive = setInterval(() => {}, 1);
    setTimeout(() => clearInterval(keepAlive), 500).unref();
  });
  expect(text).toBe("a\n");
});
