/** Handles by identity: whoever wants the same key shares one, and it lives as long as somebody holds it. */

/** One holder's share of a handle. */
export interface HandleLease<Handle> {
  readonly handle: Handle;
  /** Twice is the same as once. Resolves once the handle is closed, if this was its last holder. Never rejects. */
  release(): Promise<void>;
}

interface Entry<Handle> {
  readonly opening: Promise<Handle>;
  readonly closing: AbortController;
  holders: number;
}

/**
 * A reload acquires what the new config names before it releases what the old one held: what both name stays open and
 * keeps its state.
 */
export class HandlePool<Handle extends AsyncDisposable> {
  readonly #report: (error: unknown) => void;
  readonly #entries = new Map<string, Entry<Handle>>();

  /** `report` hears of a handle that could not be closed. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** How many handles are open, or are being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Opens once for all who ask meanwhile, and rejects with what `open` throws, after which nothing is left behind. The
   * signal is the handle's, for its whole life: it fires when the last holder has released it.
   */
  async acquire(identity: string, open: (signal: AbortSignal) => Promise<Handle>): Promise<HandleLease<Handle>> {
    const entry = this.#entries.get(identity) ?? this.#open(identity, open);
    entry.holders += 1;
    const handle = await entry.opening;
    let released: Promise<void> | undefined;
    return { handle, release: () => (released ??= this.#release(identity, entry, handle)) };
  }

  #open(identity: string, open: (signal: AbortSignal) => Promise<Handle>): Entry<Handle> {
    const closing = new AbortController();
    const opening = Promise.resolve().then(() => open(closing.signal));
    const entry: Entry<Handle> = { opening, closing, holders: 0 };
    this.#entries.set(identity, entry);
    opening.catch(() => {
      this.#entries.delete(identity);
      closing.abort();
    });
    return entry;
  }

  async #release(identity: string, entry: Entry<Handle>, handle: Handle): Promise<void> {
    entry.holders -= 1;
    if (entry.holders > 0) return;
    // Before it is closed: who comes now gets a new one.
    this.#entries.delete(identity);
    entry.closing.abort();
    try {
      await handle[Symbol.asyncDispose]();
    } catch (error) {
      this.#report(error);
    }
  }
}
