/** LiteLLM's proxy (Python), where its command is on the PATH. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { configuredModel, providerKey, requestedModel } from "../upstream/payloads.ts";
import { unlessOnPath } from "./on-path.ts";
import type { Subject } from "./subject.ts";

export const litellm: Subject = {
  name: "litellm",
  overridesModel: true,
  rewritesJson: true,
  scales: true,
  unavailable: () => unlessOnPath("litellm"),
  prepare({ folder, port, upstreamPort, workers }) {
    const file = join(folder, "config.yaml");
    writeFileSync(
      file,
      `model_list:
- model_name: ${requestedModel}
  litellm_params:
    model: openai/${configuredModel}
    api_base: http://127.0.0.1:${upstreamPort}/v1
    api_key: os.environ/KEYBEARER_KEY
`,
    );
    const address = ["--host", "127.0.0.1", "--port", String(port)];
    return {
      command: ["litellm", "--config", file, ...address, "--num_workers", String(workers)],
      env: { KEYBEARER_KEY: providerKey },
    };
  },
};
