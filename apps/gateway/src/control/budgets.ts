/** Memory for bodies of requests, of which all serving threads have their part: how much, and who holds what. */
import { totalmem } from "node:os";

const LARGEST_DEFAULT_BYTES = 2 ** 30;
/** Of the memory that the process may use. */
const DEFAULT_PART = 1 / 4;
/** Bodies that are kept to be sent again, and bodies that are read whole. */
const BUDGETS = 2;

/** Where nobody has said how much the bodies that are read whole may take. */
export function defaultBodyBudgetBytes(): number {
  // Without a limit of its own (a container's), it may be more than there is.
  const memory = Math.min(process.constrainedMemory() || Infinity, totalmem());
  return Math.min(LARGEST_DEFAULT_BYTES, Math.floor(memory * DEFAULT_PART));
}

export class Budgets {
  /** A cell for each thread, one budget after the other. */
  readonly memory: SharedArrayBuffer;
  readonly #threads: number;

  constructor(threads: number) {
    this.#threads = threads;
    this.memory = new SharedArrayBuffer(BUDGETS * threads * Int32Array.BYTES_PER_ELEMENT);
  }

  /** What a thread held that has died is free. */
  forgetWorker(worker: number): void {
    const cells = new Int32Array(this.memory);
    for (let budget = 0; budget < BUDGETS; budget++) Atomics.store(cells, budget * this.#threads + worker, 0);
  }
}
