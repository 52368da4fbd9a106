/** Requests that wait for a connection, first come, first served. */
import type { ClientHandler } from "@keybearer/wire";
import type { Dispatcher } from "undici";

/** What else a connection pool tells a handler; undici's own dispatchers do not. */
export interface PoolHandler extends ClientHandler {
  /** Not for a connection that is idle: like one that has failed it, it may be closing just now. */
  readonly isWary?: boolean;
  /** It waits for a connection. `leave` gives that up: the handler is told nothing more. */
  onQueued?(leave: () => void): void;
}

export interface Waiting {
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: PoolHandler;
}

export class Queue {
  /** With the timers of those that have a limit. */
  readonly #waiting = new Map<Waiting, NodeJS.Timeout | undefined>();

  get size(): number {
    return this.#waiting.size;
  }

  add(waiting: Waiting): void {
    this.#waiting.set(waiting, undefined);
  }

  /** Before all others. */
  addFirst(waiting: Waiting): void {
    const others = [...this.#waiting];
    this.#waiting.clear();
    this.add(waiting);
    for (const [other, timer] of others) this.#waiting.set(other, timer);
  }

  limit(waiting: Waiting, timeoutMs: number, overdue: () => void): void {
    this.#waiting.set(waiting, setTimeout(overdue, timeoutMs));
  }

  /** False: it was not in it. */
  remove(waiting: Waiting): boolean {
    clearTimeout(this.#waiting.get(waiting));
    return this.#waiting.delete(waiting);
  }

  /** Takes out the one that has waited longest. */
  shift(): Waiting | undefined {
    const [first] = this.#waiting.keys();
    if (first) this.remove(first);
    return first;
  }

  isAmongFirst(count: number, waiting: Waiting): boolean {
    let place = 0;
    for (const each of this.#waiting.keys()) {
      if (place++ >= count) return false;
      if (each === waiting) return true;
    }
    return false;
  }
}
