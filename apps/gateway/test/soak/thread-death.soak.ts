/** Errors thrown in serving threads while a key rotates under load: the other thread serves on, and a new one joins it. */
import { afterAll, expect, test } from "vitest";
import { directoryOf } from "../keybearer.ts";
import { dyingThreads, killThread, THREAD } from "./dying-threads.ts";
import { printFigures, type Figures } from "./figures.ts";
import { startHouse } from "./house.ts";
import { FIRST_KEY, rotate, ROTATIONS } from "./rotate.ts";
import { Sightings } from "./sightings.ts";
import type { Failure } from "./traffic.ts";
import { late } from "./waits.ts";
import { replacedByRename as style } from "./write-styles.ts";

const DEATHS = 5;
const COUNT = Math.ceil(ROTATIONS / 4);
const DEATH_EVERY = COUNT / DEATHS;

const figures: Figures[] = [];
afterAll(() => printFigures(`key file, ${DEATHS} deaths`, figures));

test("threads die while a key file is replaced: no request on another thread fails, each key in use in time", async () => {
  const { path, write } = style.in(directoryOf());
  write(FIRST_KEY);
  const threads = new Sightings();
  const { provider, traffic, keybearer } = await startHouse({
    auth: `{ key: { file: ${path} } }`,
    nodeArgs: dyingThreads(),
    onAnswer: (headers) => threads.add(String(headers[THREAD])),
  });
  const dead: string[] = [];
  const twoLive = () => threads.until("two threads serve", (seen) => seen.size >= 2 + dead.length);
  const between = async (rotation: number): Promise<void> => {
    // In the middle of its share of the rotations, so that keys rotate after the last death, too.
    if (dead.length === DEATHS || rotation < (dead.length + 0.5) * DEATH_EVERY) return;
    await twoLive();
    dead.push(await killThread(keybearer.url));
  };
  const waits = await rotate({ count: COUNT, provider, traffic, write, between });
  await twoLive();
  const tally = await traffic.stop();
  // On a connection without an answer nobody can tell which thread was to take it.
  const isProvoked = ({ wasAnswered, thread }: Failure): boolean =>
    !wasAnswered && (thread === undefined || dead.includes(thread));
  const provoked = tally.failures.filter(isProvoked).length;
  figures.push({ title: style.title, tally, waits, boundMs: style.boundMs, provoked });
  expect(tally.failures.filter((failure) => !isProvoked(failure))).toEqual([]);
  expect(late(waits, style.boundMs)).toEqual([]);
  expect(new Set(dead).size).toBe(DEATHS);
  expect(keybearer.stderr.match(/worker-\d ended and is replaced/g)).toHaveLength(DEATHS);
});
