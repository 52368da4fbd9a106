/** Portkey's gateway (TypeScript, Hono), from npm into the scratch folder. Its config comes with each request. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { configuredModel, providerKey } from "../upstream/payloads.ts";
import type { Subject } from "./subject.ts";

const VERSION = "1.15.2";
// Seen with hono 4.13 and @hono/node-server 1.19: it changes the headers of an answer that are immutable there.
const streams = "it answers streams with a 500 (TypeError: immutable) under the hono that npm installs beside it";
let folder = "";

export const portkey: Subject = {
  name: "portkey",
  onRequest: true,
  overridesModel: true,
  rewritesJson: true,
  cannot: { "sse-100": streams, "sse-drip": streams, "sse-filter": streams, streams },
  unavailable(scratch) {
    folder = join(scratch, "portkey-install");
    const words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder];
    const { status, stderr } = spawnSync("npm", [...words, `@portkey-ai/gateway@${VERSION}`], { encoding: "utf8" });
    return status === 0 ? undefined : `npm could not install it: ${stderr.slice(-500)}`;
  },
  prepare({ port }) {
    const script = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
    return { command: [process.execPath, script, "--headless", `--port=${port}`], env: { NODE_ENV: "production" } };
  },
  headers: ({ upstreamPort }) => ({
    "x-portkey-config": JSON.stringify({
      provider: "openai",
      api_key: providerKey,
      custom_host: `http://127.0.0.1:${upstreamPort}/v1`,
      override_params: { model: configuredModel },
    }),
  }),
};
