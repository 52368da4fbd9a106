/** SIGTERM and SIGINT: the first asks for an orderly end, a second ends at once. SIGHUP: read the config again. */
import { constants } from "node:os";
import { isatty } from "node:tty";

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

const STDOUT = 1;

/** `ended`: the terminal was closed, which the same signal says. */
export function onHangup(reload: () => void, ended: () => void): void {
  const hadTerminal = isatty(STDOUT);
  process.on("SIGHUP", () => (hadTerminal && !isatty(STDOUT) ? ended() : reload()));
}
