/** Waiting: for time to pass, and for a slow client to take what was written. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { AnswerOptions } from "./options.ts";

/** Ends early, without an error, when the client leaves. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** Writes, and waits while the client is behind: what is not taken is not made. */
export async function writeAll(stream: Writable, bytes: string | Buffer, signal: AbortSignal): Promise<void> {
  if (signal.aborted || stream.write(bytes)) return;
  await once(stream, "drain", { signal }).catch(() => {});
}

export function eventDelayMs(answer: AnswerOptions): number {
  return answer.tokensPerSecond === undefined ? (answer.delayMs ?? 0) : 1000 / answer.tokensPerSecond;
}

/** A beat that does not drift: the nth event is due n delays after the first, however long the others took. */
export class Pace {
  readonly #delayMs: number;
  readonly #startedAt = performance.now();
  #beats = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  async next(signal: AbortSignal): Promise<void> {
    const dueInMs = this.#startedAt + this.#beats * this.#delayMs - performance.now();
    this.#beats++;
    if (dueInMs > 0.5) await pause(dueInMs, signal);
  }
}
