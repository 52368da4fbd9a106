/** Waits for something, but not forever. */
import { after } from "./clock.ts";
import type { Clock } from "./contract.ts";
import { SecretError } from "./errors.ts";

export interface Bounds {
  /** The source's word, for errors. */
  readonly source: string;
  readonly clock: Clock;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

const UNWANTED = "the key is no longer wanted";

/**
 * Runs something with a signal that fires at the limit or with the outer signal. Ends then even if what runs ignores it.
 * Throws SecretError SECRET_UNAVAILABLE in both cases.
 */
export async function bounded<Result>(bounds: Bounds, run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const { source, clock, limitMs, signal } = bounds;
  const controller = new AbortController();
  if (signal.aborted) throw new SecretError("SECRET_UNAVAILABLE", source, UNWANTED);
  const gaveUp = Promise.withResolvers<never>();
  const giveUp = (message: string): void => {
    const error = new SecretError("SECRET_UNAVAILABLE", source, message);
    gaveUp.reject(error);
    controller.abort(error);
  };
  const abort = (): void => giveUp(UNWANTED);
  const cancel = after(clock, limitMs, () => giveUp(`no answer within ${limitMs / 1_000} s`));
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([gaveUp.promise, run(controller.signal)]);
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
}
