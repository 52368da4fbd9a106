/** Bifrost (Go), where its binary is on the PATH. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { configuredModel, providerKey, requestedModel } from "../upstream/payloads.ts";
import { unlessOnPath } from "./on-path.ts";
import type { Subject } from "./subject.ts";

export const bifrost: Subject = {
  name: "bifrost",
  overridesModel: true,
  rewritesJson: true,
  unavailable: () => unlessOnPath("bifrost-http"),
  prepare({ folder, port, upstreamPort }) {
    const key = {
      name: "bench",
      value: "env.KEYBEARER_KEY",
      models: ["*"],
      weight: 1,
      aliases: { [requestedModel]: configuredModel },
    };
    const openai = { keys: [key], network_config: { base_url: `http://127.0.0.1:${upstreamPort}` } };
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ providers: { openai }, config_store: { enabled: false } }),
    );
    return {
      command: ["bifrost-http", "-app-dir", folder, "-host", "127.0.0.1", "-port", String(port)],
      env: { KEYBEARER_KEY: providerKey },
    };
  },
};
