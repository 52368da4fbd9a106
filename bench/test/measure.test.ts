import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { coreList, coresFor } from "../measure/cores.ts";
import { treeOf, usageOf } from "../measure/process-tree.ts";
import { median, quantile, ratios } from "../measure/statistics.ts";

test("median and quantiles", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3);
  expect(
    quantile(
      Float64Array.from({ length: 101 }, (_, index) => index),
      0.99,
    ),
  ).toBe(99);
  expect(quantile([], 0.5)).toBeNaN();
});

test("a ratio compares what was measured beside each other", () => {
  expect(ratios([2, 40], [1, 10])).toEqual([2, 4]);
});

test("the subject has a core of its own as soon as there are two", () => {
  expect(coreList("0-2,5")).toEqual([0, 1, 2, 5]);
  expect(coresFor([0], true)).toMatchObject({ subject: undefined, load: undefined });
  expect(coresFor([0, 1], false)).toMatchObject({ subject: undefined });
  expect(coresFor([0, 1], true)).toMatchObject({ subject: 0, second: undefined, upstream: 1, load: 1 });
  expect(coresFor([0, 1, 2], true)).toMatchObject({ subject: 0, second: 1, upstream: 2, load: 2 });
  expect(coresFor([4, 5, 6, 7], true)).toMatchObject({ subject: 4, second: 5, upstream: 6, load: 7 });
});

test.runIf(process.platform === "linux")("children and all threads are counted", async () => {
  const busy =
    "for (const end = performance.now() + 100; performance.now() < end; ); console.log('done'); setInterval(() => 0, 1e6)";
  const thread = `new (require("node:worker_threads").Worker)(${JSON.stringify(busy)}, { eval: true })`;
  const parent = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(thread)}], { stdio: "inherit" })`;
  const child = spawn(process.execPath, ["-e", parent], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => treeOf(child.pid ?? 0).forEach((pid) => process.kill(pid, "SIGKILL")));
  await once(child.stdout, "data");

  expect(treeOf(child.pid ?? 0)).toHaveLength(2);
  const usage = usageOf(child.pid ?? 0);
  // Two of Node's starts beside; the loop may have been kept waiting, and has then used less than its time.
  expect(usage.cpuNs).toBeGreaterThan(10e6);
  expect(usage.residentBytes).toBeGreaterThan(40e6);
});
