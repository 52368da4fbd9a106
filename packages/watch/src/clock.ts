/** Time that comes in by argument. */

export interface WatchClock {
  /** Calls back once, and does not keep the process alive for it. Returns what cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: WatchClock = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

const FOR_EVER_MS = 2 ** 31 - 1;

/** The process lives on until this is called back, as it does for any other I/O that somebody awaits. */
export function keepAlive(): () => void {
  const timer = setTimeout(() => undefined, FOR_EVER_MS);
  return () => clearTimeout(timer);
}
