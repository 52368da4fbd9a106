/** Looks now and then at connections for those on which nothing has happened for too long. */

const LOOK_EVERY_MS = 500;

export interface Watched {
  /** `now` as `performance.now()` has it. */
  look(now: number): void;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;

/** One timer for all connections of a thread, while there are any. */
export function watchSilence(connection: Watched): void {
  watched.add(connection);
  timer ??= setInterval(look, LOOK_EVERY_MS).unref();
}

export function unwatchSilence(connection: Watched): void {
  watched.delete(connection);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function look(): void {
  const now = performance.now();
  for (const connection of watched) connection.look(now);
}

/**
 * How long nothing has happened, to about a second and never more than it was: to say that something has costs no look at the
 * clock, for that is looked at by whoever asks.
 */
export class Silence {
  #since = 0;

  broken(): void {
    this.#since = 0;
  }

  lasts(limitMs: number, now: number): boolean {
    if (this.#since === 0) this.#since = now;
    return limitMs > 0 && now - this.#since >= limitMs;
  }
}
