/** Ours, as `npm run build` made it, with everything on that is on by default. */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../measure/machine.ts";
import { configuredModel, providerKey } from "../upstream/payloads.ts";
import type { Place, Subject } from "./subject.ts";

export const keybearer: Subject = {
  name: "keybearer",
  overridesModel: true,
  scales: true,
  securesUpstream: true,
  unavailable: () => undefined,
  prepare(place) {
    const file = join(place.folder, "config.yaml");
    writeFileSync(file, agentgatewayConfig(place));
    return {
      command: [process.execPath, join(repository, "apps/gateway/bin/keybearer.mjs"), "-f", file],
      env: { KEYBEARER_KEY: providerKey },
    };
  },
};

/** The same over node:http and undici. */
export const keybearerOnNode: Subject = {
  ...keybearer,
  name: "keybearer-node",
  onRequest: true,
  prepare(place) {
    const command = keybearer.prepare(place);
    const file = join(place.folder, "config.yaml");
    writeFileSync(file, agentgatewayConfig(place).replace("config:\n", "config:\n  engine: node\n"));
    return command;
  },
};

/** The same, with room for one request at a time. */
export const narrowKeybearer: Subject = {
  ...keybearer,
  prepare(place) {
    const command = keybearer.prepare(place);
    appendFileSync(join(place.folder, "config.yaml"), "frontendPolicies:\n  http: { maxConcurrentRequests: 1 }\n");
    return command;
  },
};

/** What makes the thread that sends it on throw where nobody catches. */
export const deadlyHeader = { "x-bench-death": "now" } as const;

/** The same, with threads that die of `deadlyHeader`. */
export const mortalKeybearer: Subject = {
  ...keybearer,
  prepare(place) {
    const { command, ...rest } = keybearer.prepare(place);
    const file = join(place.folder, "mortal.mjs");
    writeFileSync(file, mortality);
    const [node = "", ...words] = command;
    return { ...rest, command: [node, `--import=${file}`, ...words] };
  },
};

const mortality = `import { Socket } from "node:net";
const { write } = Socket.prototype;
Socket.prototype.write = function (data, ...rest) {
  if (Buffer.from(data).includes("x-bench-death")) process.nextTick(() => { throw new Error("death on purpose"); });
  return write.call(this, data, ...rest);
};
`;

/** The same, writing V8's profiles into the folder at its end. It is slower for that. */
export function profiledKeybearer(folder: string): Subject {
  return {
    ...keybearer,
    prepare(place) {
      const { command, ...rest } = keybearer.prepare(place);
      const [node = "", ...words] = command;
      const profiling = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=250"];
      return { ...rest, command: [node, ...profiling, ...words] };
    },
  };
}

/** The same file for both gateways that read it. */
export function agentgatewayConfig({ port, upstreamPort, upstreamCertificate, workers }: Place): string {
  const tls = `        backendTLS: { root: ${upstreamCertificate}, hostname: localhost }\n`;
  return `config:
  workerThreads: ${workers}
  adminAddr: 127.0.0.1:0
  statsAddr: 127.0.0.1:0
  readinessAddr: 127.0.0.1:0
binds:
- port: ${port}
  listeners:
  - routes:
    - policies:
        backendAuth: { key: "$KEYBEARER_KEY" }
${upstreamCertificate === undefined ? "" : tls}      backends:
      - ai:
          name: bench
          hostOverride: 127.0.0.1:${upstreamPort}
          provider: { openAI: { model: ${configuredModel} } }
`;
}
