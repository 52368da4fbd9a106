/** How long it is since something came on. */

export class Progress {
  #bytes = 0;
  #sinceMs: number | undefined;

  /** Milliseconds since `bytes`, which only grow, have last grown by `step`; from the first question on. */
  stalledMs(bytes: number, step: number, nowMs: number): number {
    if (this.#sinceMs === undefined || bytes - this.#bytes >= step) {
      this.#sinceMs = nowMs;
      this.#bytes = bytes;
    }
    return nowMs - this.#sinceMs;
  }

  /** It is nobody's turn. */
  rest(): void {
    this.#sinceMs = undefined;
  }
}
