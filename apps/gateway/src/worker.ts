/** Entry of a worker thread. */
import { parentPort } from "node:worker_threads";
import { runDataPlane } from "./plane/data-plane.ts";

if (!parentPort) throw new Error("worker.ts runs in a worker thread");
runDataPlane(parentPort);
