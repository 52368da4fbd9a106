/** undici, loaded by who needs it: that takes longer than to load all of ours. */
import { createRequire } from "node:module";
import type * as Undici from "undici";

const require = createRequire(import.meta.url);

export function loadUndici(): typeof Undici {
  return require("undici");
}
