/** Times in which requests may fail because the soak itself has made trouble for all: a thread dies, a crowd comes at once. */
export class Spells {
  #underWay = 0;
  #lastEndMs = -Infinity;

  async during<T>(trouble: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await trouble();
    } finally {
      this.#underWay -= 1;
      this.#lastEndMs = performance.now();
    }
  }

  /** Whether there was one at any time since `beganMs`, as `performance.now()` gives it. */
  touched(beganMs: number): boolean {
    return this.#underWay > 0 || this.#lastEndMs >= beganMs;
  }
}
