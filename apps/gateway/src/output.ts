/** Standard output for the access log: in order, bounded, and never in the way of the event loop. */
import { write } from "node:fs";
import { systemCode } from "./errors.ts";

const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const TRY_AGAIN_MS = 10;

export interface Output {
  /** Drops the bytes, and counts them, when the reader is too far behind. The caller leaves them as they are. */
  write(bytes: Buffer): void;
  readonly droppedBytes: number;
  /** Resolves when all is written, or after the time limit. */
  flush(limitMs: number): Promise<void>;
}

/** `closed` is called once when whoever reads has gone. Writes asynchronously: node's own stdout blocks on a pipe. */
export function createOutput(fd: number, closed: () => void): Output {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let droppedBytes = 0;
  let busy = false;
  let broken = false;
  let idle: (() => void) | undefined;

  const send = (bytes: Buffer): void => {
    busy = true;
    write(fd, bytes, (error, written) => {
      if (systemCode(error) === "EAGAIN") setTimeout(send, TRY_AGAIN_MS, bytes);
      else if (error) breakOff();
      else if (written < bytes.length) send(bytes.subarray(written));
      else next();
    });
  };
  const next = (): void => {
    busy = false;
    if (waitingBytes === 0) {
      idle?.();
      return;
    }
    const [only] = waiting;
    const bytes = waiting.length === 1 && only ? only : Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    send(bytes);
  };
  const breakOff = (): void => {
    broken = true;
    busy = false;
    idle?.();
    closed();
  };

  return {
    write(bytes) {
      if (broken || waitingBytes + bytes.length > MAX_WAITING_BYTES) {
        droppedBytes += bytes.length;
        return;
      }
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (!busy) next();
    },
    get droppedBytes() {
      return droppedBytes;
    },
    flush(limitMs) {
      if (!busy) return Promise.resolve();
      return new Promise((resolve) => {
        const limit = setTimeout(resolve, limitMs);
        idle = () => {
          clearTimeout(limit);
          resolve();
        };
      });
    },
  };
}
