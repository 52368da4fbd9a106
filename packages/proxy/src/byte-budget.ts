/** Bytes that requests may hold at once, over all threads of a process. */

/** What each thread holds, where all can see it: a cell for each, in KiB. */
export interface BudgetShare {
  readonly cells: Int32Array<SharedArrayBuffer>;
  /** This thread's own. */
  readonly index: number;
}

const CELL_BYTES = 1024;

export class ByteBudget {
  readonly #limitBytes: number;
  readonly #spent: () => void;
  readonly #share: BudgetShare | undefined;
  /** By this thread. */
  #usedBytes = 0;

  /** `spent`: told whenever it does not suffice. Without a share it is this thread's alone. */
  constructor(limitBytes: number, spent: () => void, share?: BudgetShare) {
    this.#limitBytes = limitBytes;
    this.#spent = spent;
    this.#share = share;
  }

  /** False: there is not so much left. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes + this.#othersBytes() > this.#limitBytes) {
      this.#spent();
      return false;
    }
    this.#use(bytes);
    return true;
  }

  give(bytes: number): void {
    this.#use(-bytes);
  }

  #use(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#share) Atomics.store(this.#share.cells, this.#share.index, Math.ceil(this.#usedBytes / CELL_BYTES));
  }

  #othersBytes(): number {
    if (!this.#share) return 0;
    const { cells, index } = this.#share;
    let used = 0;
    for (let each = 0; each < cells.length; each++) if (each !== index) used += Atomics.load(cells, each);
    return used * CELL_BYTES;
  }
}
