/** Memory for bodies of requests, of which all serving threads have their part: how much, and who holds what. */
import { totalmem } from "node:os";
import type { Config } from "@keybearer/config";
import type { ProxyOptions } from "@keybearer/proxy";

const LARGEST_DEFAULT_BYTES = 2 ** 30;
/** Of the memory that the process may use. */
const DEFAULT_PART = 1 / 4;
/** Bodies that are kept to be sent again, and bodies that are read whole. */
const BUDGETS = 2;

/** Where nobody has said how much the bodies that are read whole may take. */
function defaultBodyBudgetBytes(): number {
  // Without a limit of its own (a container's), it may be more than there is.
  const memory = Math.min(process.constrainedMemory() || Infinity, totalmem());
  return Math.min(LARGEST_DEFAULT_BYTES, Math.floor(memory * DEFAULT_PART));
}

export class Budgets {
  /** A cell for each thread, one budget after the other. */
  readonly #memory: SharedArrayBuffer;
  readonly #threads: number;

  constructor(threads: number) {
    this.#threads = threads;
    this.#memory = new SharedArrayBuffer(BUDGETS * threads * Int32Array.BYTES_PER_ELEMENT);
  }

  /** What a thread is told of them when it starts. */
  startParts({ replayBudgetBytes, bodyBudgetBytes }: Pick<Config["config"], "replayBudgetBytes" | "bodyBudgetBytes">) {
    return {
      replayBudgetBytes,
      bodyBudgetBytes: bodyBudgetBytes ?? defaultBodyBudgetBytes(),
      budgets: this.#memory,
    };
  }

  /** What a thread held that has died is free. */
  forgetWorker(worker: number): void {
    const cells = new Int32Array(this.#memory);
    for (let budget = 0; budget < BUDGETS; budget++) Atomics.store(cells, budget * this.#threads + worker, 0);
  }
}

/** For the thread that has this number. */
export function sharesIn(memory: SharedArrayBuffer, worker: number): NonNullable<ProxyOptions["budgetShares"]> {
  const threads = memory.byteLength / (BUDGETS * Int32Array.BYTES_PER_ELEMENT);
  const share = (budget: number) => ({
    cells: new Int32Array(memory, budget * threads * Int32Array.BYTES_PER_ELEMENT, threads),
    index: worker,
  });
  return { replay: share(0), bodies: share(1) };
}
