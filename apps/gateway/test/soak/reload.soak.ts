/** The config is reloaded while keys rotate under load: no client sees an error. */
import { afterAll, expect, test } from "vitest";
import { directoryOf } from "../keybearer.ts";
import { replaceFile } from "../reloading.ts";
import { printFigures, type Figures } from "./figures.ts";
import { startHouse } from "./house.ts";
import { FIRST_KEY, rotate, ROTATIONS } from "./rotate.ts";
import { Sightings } from "./sightings.ts";
import { late } from "./waits.ts";
import { writeStyles } from "./write-styles.ts";

/** The config is replaced each time that so many keys have. */
const RELOAD_EVERY = 10;
const MARK = "x-config";

const figures: Figures[] = [];
afterAll(() => printFigures("key file, with reloads", figures));

test.each(writeStyles)(
  "reloads while a key file is $title: no client error, each key in use in time",
  async (style) => {
    const { path, write } = style.in(directoryOf());
    write(FIRST_KEY);
    const configs = new Sightings();
    const { provider, traffic, keybearer, config } = await startHouse({
      auth: `{ key: { file: ${path} } }`,
      policies: [marking(0)],
      onAnswer: (headers) => configs.add(String(headers[MARK])),
    });
    const served = (version: number) => configs.until(`config ${version} serves`, (seen) => seen.has(String(version)));
    const count = Math.ceil(ROTATIONS / writeStyles.length);
    const last = Math.floor(count / RELOAD_EVERY);
    const between = async (rotation: number): Promise<void> => {
      if (rotation % RELOAD_EVERY !== 0) return;
      const version = rotation / RELOAD_EVERY;
      await served(version - 1);
      // Not awaited here: the next keys rotate while this is under way.
      replaceFile(keybearer.directory, "config.yaml", config([marking(version)]));
    };
    const waits = await rotate({ count, provider, traffic, write, between });
    await served(last);
    const tally = await traffic.stop();
    figures.push({ title: style.title, tally, waits, boundMs: style.boundMs });
    expect(tally.failures).toEqual([]);
    expect(late(waits, style.boundMs)).toEqual([]);
  },
);

function marking(version: number): string {
  return `responseHeaderModifier: { set: { ${MARK}: "${version}" } }`;
}
