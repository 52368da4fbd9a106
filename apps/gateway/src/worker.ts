/** Entry of a worker thread. */
import { parentPort } from "node:worker_threads";
import { runDataPlane } from "./plane/data-plane.ts";
import { keepEnvironmentOutOfReports } from "./process-exits.ts";

if (!parentPort) throw new Error("worker.ts runs in a worker thread");
keepEnvironmentOutOfReports();
runDataPlane(parentPort);
