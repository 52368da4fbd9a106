/** The fixed baseline program: it changes with Node and undici alone, so a ratio to it holds on any machine. */
import { join } from "node:path";
import { providerKey } from "../upstream/payloads.ts";
import type { Subject } from "./subject.ts";

export const pipe: Subject = {
  name: "pipe",
  onRequest: true,
  overridesModel: false,
  unavailable: () => undefined,
  prepare({ port, upstreamPort }) {
    const script = join(import.meta.dirname, "pipe-server.ts");
    return { command: [process.execPath, script, String(port), String(upstreamPort), providerKey] };
  },
};
