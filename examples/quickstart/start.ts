/** `npm start`: the gateway; and, unless a config of one's own is given, a simulated provider for it to talk to. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { startSimulator, type Simulator } from "@keybearer/simulator";

let simulator: Simulator | undefined;
if (process.argv.length === 2) {
  simulator = await startSimulator({ keys: ["sk-simulated"], delayMs: 40 });
  process.stderr.write(`simulator ${simulator.origin}, the provider behind the gateway\n`);
  process.env["SIMULATOR_PORT"] = new URL(simulator.origin).port;
  process.argv.push("-f", relative(process.cwd(), fileURLToPath(new URL("config.yaml", import.meta.url))));
}
// The binary itself, in this process: it reads the arguments and returns when it was told to stop.
await import("../../apps/gateway/src/main.ts");
await simulator?.close();
