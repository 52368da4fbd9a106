/** The requests that are served at once: no more than the limits say, and each on the snapshot that it began with. */
import type { Exchange } from "./exchange.ts";
import { handle, type Road } from "./handle.ts";
import { shed } from "./overload.ts";
import type { Snapshot } from "./snapshot.ts";

/** A snapshot, told of the requests that begin and end on it. */
export interface Serving {
  readonly snapshot: Snapshot;
  began(): void;
  ended(): void;
}

export class InFlight {
  readonly #road: Road;
  #count = 0;

  constructor(road: Road) {
    this.#road = road;
  }

  isFull({ limits }: Snapshot): boolean {
    return this.#count >= limits.requests;
  }

  /** Never rejects, but for a fault of the observer's. */
  async serve(exchange: Exchange, bind: string, snapshot: Snapshot, serving: Serving | undefined): Promise<void> {
    if (this.isFull(snapshot)) {
      this.#road.observer.limited("overloaded");
      shed(exchange);
      return;
    }
    this.#count += 1;
    serving?.began();
    try {
      await handle(exchange, bind, snapshot, this.#road);
    } finally {
      serving?.ended();
      this.#count -= 1;
    }
  }
}
