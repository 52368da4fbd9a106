/** Asks now and then where a name leads, off the way of requests, for as long as anybody wants to know. */
import type { Resolved, ResolvedName } from "./resolved-name.ts";

export interface AddressWatchOptions {
  readonly name: ResolvedName;
  readonly intervalMs: number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Not asked again after false, until it is woken. */
  readonly isWanted: () => boolean;
  /** Never empty. */
  readonly resolved: (addresses: ReadonlySet<string>) => void;
  /** The name cannot be resolved any more. Once, until it can. */
  readonly failed: (error: Error) => void;
}

export class AddressWatch {
  readonly #options: AddressWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isFailing = false;

  constructor(options: AddressWatchOptions) {
    this.#options = options;
  }

  wake(): void {
    if (this.#timer || this.#isClosed) return;
    const { intervalMs, random } = this.#options;
    // By up to a quarter sooner or later, so that threads and gateways do not ask all at once.
    this.#timer = setTimeout(() => this.#look(), intervalMs * (0.75 + random() / 2)).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { name, isWanted } = this.#options;
    if (!isWanted()) {
      this.#timer = undefined;
      return;
    }
    name.ask((found) => {
      this.#timer = undefined;
      if (this.#isClosed) return;
      this.#found(found);
      this.wake();
    });
  }

  #found(found: Parameters<Resolved>[0]): void {
    const { resolved, failed } = this.#options;
    const wasFailing = this.#isFailing;
    this.#isFailing = found instanceof Error;
    if (!(found instanceof Error)) resolved(new Set(found.map(({ address }) => address)));
    else if (!wasFailing) failed(found);
  }
}
