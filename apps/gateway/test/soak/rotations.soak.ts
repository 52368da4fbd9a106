/** A key file that rotates under load, written in every way: no client sees an error. */
import { afterAll, expect, test } from "vitest";
import { directoryOf } from "../keybearer.ts";
import { printFigures, type Figures } from "./figures.ts";
import { startHouse } from "./house.ts";
import { FIRST_KEY, rotate, ROTATIONS } from "./rotate.ts";
import { late } from "./waits.ts";
import { writeStyles } from "./write-styles.ts";

const figures: Figures[] = [];
afterAll(() => printFigures("key file", figures));

test.each(writeStyles)("a key file that is $title: no client error, each key in use in time", async (style) => {
  const { path, write } = style.in(directoryOf());
  write(FIRST_KEY);
  const { provider, traffic } = await startHouse({ auth: `{ key: { file: ${path} } }` });
  const waits = await rotate({ count: Math.ceil(ROTATIONS / writeStyles.length), provider, traffic, write });
  const tally = await traffic.stop();
  figures.push({ title: style.title, tally, waits, boundMs: style.boundMs });
  expect(tally.failures).toEqual([]);
  expect(late(waits, style.boundMs)).toEqual([]);
});
