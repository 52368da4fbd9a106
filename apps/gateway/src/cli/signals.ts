/** SIGTERM and SIGINT: the first asks for an orderly end, a second ends at once. */
import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

export function untilSignal(first: () => void): void {
  let asked = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (asked) process.exit(128 + constants.signals[signal]);
      asked = true;
      first();
    });
  }
}
