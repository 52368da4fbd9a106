/** What clients have seen in their answers so far. */
import { within } from "./within.ts";

export class Sightings {
  readonly #seen = new Set<string>();
  readonly #waiting = new Set<() => void>();

  add(sight: string): void {
    if (this.#seen.has(sight)) return;
    this.#seen.add(sight);
    for (const look of this.#waiting) look();
  }

  /** Rejects, with `what`, if that takes too long. */
  async until(what: string, isEnough: (seen: ReadonlySet<string>) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!isEnough(this.#seen)) return;
      this.#waiting.delete(look);
      resolve();
    };
    this.#waiting.add(look);
    look();
    await within(what, promise);
  }
}
