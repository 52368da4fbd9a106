/** The version of this package. */
import { readFileSync } from "node:fs";

// One level up from src and from dist alike.
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

export const { version } = manifest;
