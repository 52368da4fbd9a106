/** Who wants to hear of something, told one after the other. */

export class Listeners<Event> {
  readonly #report: (error: unknown) => void;
  readonly #listeners = new Set<(event: Event) => void>();

  /** `report` hears of a listener that threw: the others are told all the same. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Returns the function that unsubscribes. */
  add(listener: (event: Event) => void): () => void {
    // Wrapped, so that a function that subscribes twice is told twice and each of them can leave.
    const entry = (event: Event): void => listener(event);
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  tell(event: Event): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
