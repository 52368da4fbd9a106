/**
 * A gateway in a bad neighbourhood, for twenty minutes (`KEYBEARER_SOAK_MINUTES`): all that clients, providers and operators
 * do, at once. In the first quarter its threads die, too; what they had counted dies with them, so the books begin afterwards.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { canariesIn } from "../canaries.ts";
import { synchronized } from "../reloading.ts";
import { canMeasure, MB } from "./memory.ts";
import { accountOf, Counters, difference, REQUESTS } from "./mixed/counters.ts";
import { faultNames } from "./mixed/faults.ts";
import { CANARY, startMixedHouse, type MixedHouse } from "./mixed/house.ts";
import { Ledger } from "./mixed/ledger.ts";
import { AccessLog } from "./mixed/logs.ts";
import { median, openDescriptors, sample, type Sample } from "./mixed/samples.ts";
import { burst, runTraffic, type Disturbance } from "./mixed/traffic.ts";

const MINUTES = Number(process.env["KEYBEARER_SOAK_MINUTES"] ?? 20);
const ROTATE_MS = 1_000;
const RELOAD_MS = 1_300;
const BURST_MS = 5_000;

const SAMPLE_MS = 500;
/** Nobody needs more to see what is wrong. */
const FAILURES_ENOUGH = 50;
/** A leak of 0.5 kB a request in twenty minutes, of 4 kB in two. */
const MORE_BYTES = 40 * MB;
/** Wide: a burst may be under way, or have left its connections to providers. What is never closed shows at rest. */
const MORE_DESCRIPTORS = 150;
/** From one rest to the next. */
const FORGOTTEN_DESCRIPTORS = 4;
/** Until connections that nobody uses have gone. */
const REST = { timeout: 20_000, interval: 200 };

test.skipIf(!canMeasure)("all at once: nothing fails unprovoked, nothing grows, and the books balance", async () => {
  const house = await startMixedHouse();
  const { keybearer } = house;
  const { url, urls } = keybearer;
  const log = new AccessLog(keybearer, { key: CANARY });
  const operator: Disturbance[] = [
    { everyMs: ROTATE_MS, happen: () => house.rotate() },
    { everyMs: RELOAD_MS, happen: () => house.reload() },
  ];

  const deadly = new Ledger("deadly");
  const burstAndDie = async (): Promise<void> => {
    await burst(url, deadly);
    await deadly.deaths.during(() => house.killThread());
  };
  await act(house, deadly, MINUTES / 4, [...operator, { everyMs: BURST_MS, happen: burstAndDie }]);
  const descriptorsBefore = await atRest(house);
  const before = accountOf(await Counters.read(urls.stats));

  const orderly = new Ledger("orderly");
  const crowds = { everyMs: BURST_MS, happen: () => burst(url, orderly) };
  const samples = await act(house, orderly, (MINUTES * 3) / 4, [...operator, crowds]);
  const balanced = async (): Promise<void> => {
    expect(difference(accountOf(await Counters.read(urls.stats)), before)).toEqual(orderly.account);
    expect(log.count("orderly-")).toBe(orderly.ends.answered + orderly.ends.left);
  };
  await vi.waitFor(balanced, REST);
  const forgotten = (await atRest(house)) - descriptorsBefore;

  // Of the whole, this act is all but the first quarter.
  const [second, last] = [median(samples, 0, 1 / 3), median(samples, 2 / 3, 1)];
  const course = Array.from({ length: 12 }, (_, part) => median(samples, part / 12, (part + 1) / 12));
  print(house, [deadly, orderly], { second, last, course, forgotten });
  expect(last.bytes - second.bytes).toBeLessThan(MORE_BYTES);
  expect(last.descriptors - second.descriptors).toBeLessThan(MORE_DESCRIPTORS);
  expect(forgotten).toBeLessThan(FORGOTTEN_DESCRIPTORS);

  expect(log.twice).toEqual([]);
  expect(log.leaks).toBe(0);
  expect(canariesIn(keybearer.stderr, { key: CANARY })).toEqual([]);
  expect(keybearer.stderr).not.toContain("a fault inside the gateway");
  await expectAllHappened(house, [deadly, orderly]);
});

/** Resolves when the last request has come to its end. */
async function act(
  { keybearer, expectedEmbedding }: MixedHouse,
  ledger: Ledger,
  minutes: number,
  disturbances: readonly Disturbance[],
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const end = new AbortController();
  const traffic = runTraffic({ url: keybearer.url, ledger, expectedEmbedding, disturbances }, end.signal);
  const untilMs = performance.now() + minutes * 60_000;
  try {
    while (performance.now() < untilMs && ledger.failures.length < FAILURES_ENOUGH) {
      samples.push(sample(keybearer));
      await Promise.race([sleep(SAMPLE_MS), traffic]);
    }
  } finally {
    end.abort();
    await traffic;
  }
  expect(ledger.failures).toEqual([]);
  return samples;
}

/** Resolves with how many descriptors the gateway has, once nobody is connected any more. */
async function atRest({ keybearer, providers }: MixedHouse): Promise<number> {
  await vi.waitFor(async () => {
    const counters = await Counters.read(keybearer.urls.stats);
    expect(counters.sum("agentgateway_downstream_connections")).toBe(0);
    expect(counters.by("key", "keybearer_key_in_flight")).toEqual({});
    expect(counters.by("endpoint", "keybearer_upstream_connections")).toEqual({});
    expect(providers.map(({ connections }) => connections.open)).toEqual([0, 0]);
  }, REST);
  return openDescriptors(keybearer);
}

/** A soak in which something did not happen says nothing of it. */
async function expectAllHappened(
  { keybearer, done }: MixedHouse,
  [deadly, orderly]: readonly [Ledger, Ledger],
): Promise<void> {
  const counters = await Counters.read(keybearer.urls.stats);
  expect(Object.keys(counters.by("key", REQUESTS))).toEqual(
    expect.arrayContaining(["first", "pool-1", "pool-2", "pool-3"]),
  );
  expect(await synchronized(keybearer)).toBe("1");
  expect(Object.values(done).every((count) => count > 0)).toBe(true);
  expect([...orderly.sentByName.keys()]).toEqual(expect.arrayContaining(faultNames.map((name) => `fault: ${name}`)));
  expect(deadly.ends.answered).toBeGreaterThan(0);
  expect(Math.min(orderly.ends.shed, orderly.ends.refused, orderly.ends.left, orderly.provoked)).toBeGreaterThan(0);
}

interface Found {
  readonly second: Sample;
  readonly last: Sample;
  /** From the second quarter on, at even distances. */
  readonly course: readonly Sample[];
  readonly forgotten: number;
}

function print({ done }: MixedHouse, ledgers: readonly Ledger[], { second, last, course, forgotten }: Found): void {
  const numbers = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
      .join(", ");
  const of = ({ bytes, descriptors }: Sample): string => `${(bytes / MB).toFixed(0)} MB, ${descriptors} descriptors`;
  console.log(
    [
      `\nmixed, ${MINUTES} minutes: ${numbers(done)}`,
      ...ledgers.map(({ act, sent, ends, provoked }) => numbers({ [`${act}: requests`]: sent, ...ends, provoked })),
      ...ledgers.map(({ act, answered }) => `${act}, by status: ${numbers(Object.fromEntries(answered))}`),
      `memory in its course: ${course.map(({ bytes }) => (bytes / MB).toFixed(0)).join(" ")} MB`,
      `second quarter: ${of(second)}; last quarter: ${of(last)}; forgotten descriptors: ${forgotten}\n`,
    ].join("\n"),
  );
}
