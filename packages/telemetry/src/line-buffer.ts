/** Lines gathered into fewer, larger writes. */

/** Runs `flush` once after `ms`; the returned function calls it off. */
export type Schedule = (flush: () => void, ms: number) => () => void;

export interface LineBufferOptions {
  /** Gets one or more whole lines, each with its line break. Must not throw. */
  readonly write: (text: string) => void;
  /** How long a line may wait, in milliseconds. */
  readonly flushMs: number;
  /** How many bytes may wait before they are written at once. */
  readonly maxBytes: number;
  /** Default: a timer that does not keep the process alive. */
  readonly schedule?: Schedule | undefined;
}

export interface LineBuffer {
  /** The line comes without its line break. After `close` it is written at once. */
  add(line: string): void;
  flush(): void;
  /** Writes what waits. Twice is the same as once. */
  close(): void;
}

export function createLineBuffer(options: LineBufferOptions): LineBuffer {
  const { write, flushMs, maxBytes, schedule = unrefTimer } = options;
  let waiting = "";
  let bytes = 0;
  let closed = false;
  let callOff: (() => void) | undefined;

  const flush = () => {
    callOff?.();
    callOff = undefined;
    if (waiting === "") return;
    const text = waiting;
    waiting = "";
    bytes = 0;
    write(text);
  };
  return {
    add(line) {
      waiting += `${line}\n`;
      bytes += Buffer.byteLength(line) + 1;
      if (closed || bytes >= maxBytes) flush();
      else callOff ??= schedule(flush, flushMs);
    },
    flush,
    close() {
      closed = true;
      flush();
    },
  };
}

function unrefTimer(flush: () => void, ms: number): () => void {
  const timer = setTimeout(flush, ms).unref();
  return () => clearTimeout(timer);
}
