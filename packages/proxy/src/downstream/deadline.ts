/** The end of a drain: requests that are still under way are told first, and cut a little later. */
import { ProxyError } from "../errors.ts";

/** For last words, and for clients to take them. */
const LAST_WORDS_MS = 1000;
const RETRY_AFTER_MS = 1000;

export interface DrainEnd {
  readonly interrupt: (reason: ProxyError) => void;
  readonly cut: () => void;
}

export function startDeadline(deadlineMs: number, { interrupt, cut }: DrainEnd): { clear(): void } {
  const cutLater = (): NodeJS.Timeout => setTimeout(cut, LAST_WORDS_MS);
  let timer = setTimeout(() => {
    timer = cutLater();
    const message = "The gateway is closing this port, and the request did not end in time.";
    interrupt(new ProxyError("gateway_stopping", message, { retryAfterMs: RETRY_AFTER_MS }));
  }, deadlineMs);
  return { clear: () => clearTimeout(timer) };
}
