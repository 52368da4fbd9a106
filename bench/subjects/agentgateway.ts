/** agentgateway (Rust), where its binary is on the PATH: it reads the same YAML. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { providerKey } from "../upstream/payloads.ts";
import { agentgatewayConfig } from "./keybearer.ts";
import { unlessOnPath } from "./on-path.ts";
import type { Subject } from "./subject.ts";

export const agentgateway: Subject = {
  name: "agentgateway",
  overridesModel: true,
  rewritesJson: true,
  scales: true,
  unavailable: () => unlessOnPath("agentgateway"),
  prepare(place) {
    const file = join(place.folder, "config.yaml");
    writeFileSync(file, agentgatewayConfig(place));
    return { command: ["agentgateway", "-f", file], env: { KEYBEARER_KEY: providerKey } };
  },
};
