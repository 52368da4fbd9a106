#!/usr/bin/env node
// Starts the built command, or its source where there is no build and Node was told to use sources.
import { existsSync } from "node:fs";

const built = new URL("../dist/cli.js", import.meta.url);
const source = new URL("../src/cli.ts", import.meta.url);
const words = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" ");
const entry = existsSync(built) ? built : words.includes("@keybearer/source") ? source : undefined;

if (entry === undefined) {
  process.stderr.write("keybearer-simulator: not built yet; run: npm run build\n");
  process.exitCode = 1;
} else {
  const { main } = await import(entry.href);
  await main();
}
