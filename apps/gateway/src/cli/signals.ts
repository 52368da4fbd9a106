/** SIGTERM and SIGINT: the first asks for an orderly end, a second ends at once. */
import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** `timeout` and others signal a process and its group, so that one request to end arrives twice. */
const SAME_REQUEST_MS = 100;

export function untilSignal(first: () => void): void {
  let askedAt: number | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const now = performance.now();
      if (askedAt === undefined) {
        askedAt = now;
        first();
      } else if (now - askedAt > SAME_REQUEST_MS) process.exit(128 + constants.signals[signal]);
    });
  }
}
