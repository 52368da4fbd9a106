/** How long it is since something came on. */

export class Progress {
  #count = 0;
  #sinceMs: number | undefined;

  /** Milliseconds since `count`, which only grows, has last grown by `step`; from the first question on. */
  stalledMs(count: number, step: number, nowMs: number): number {
    if (this.#sinceMs === undefined || count - this.#count >= step) {
      this.#sinceMs = nowMs;
      this.#count = count;
    }
    return nowMs - this.#sinceMs;
  }

  /** It is nobody's turn. */
  rest(): void {
    this.#sinceMs = undefined;
  }
}
