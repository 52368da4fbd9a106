/** Lines gathered into fewer, larger writes, and encoded as they come: to join strings and encode them later costs twice as much. */

/** Runs `flush` once after `ms`; the returned function calls it off. */
export type Schedule = (flush: () => void, ms: number) => () => void;

export interface LineBufferOptions {
  /** Gets one or more whole lines in UTF-8, each with its line break, in memory that is its own. Must not throw. */
  readonly write: (lines: Uint8Array<ArrayBuffer>) => void;
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
  const waiting = Buffer.allocUnsafeSlow(maxBytes);
  let bytes = 0;
  let closed = false;
  let callOff: (() => void) | undefined;

  const flush = () => {
    callOff?.();
    callOff = undefined;
    if (bytes === 0) return;
    const lines = Uint8Array.from(waiting.subarray(0, bytes));
    bytes = 0;
    write(lines);
  };
  const fits = (line: string) => {
    const room = maxBytes - bytes - 1;
    // No character takes more than three bytes: most lines need not be counted.
    return line.length * 3 <= room || Buffer.byteLength(line) <= room;
  };
  return {
    add(line) {
      if (!fits(line)) flush();
      if (!fits(line)) {
        write(Uint8Array.from(Buffer.from(`${line}\n`)));
        return;
      }
      bytes += waiting.write(line, bytes);
      waiting[bytes++] = LINE_FEED;
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

const LINE_FEED = 0x0a;

function unrefTimer(flush: () => void, ms: number): () => void {
  const timer = setTimeout(flush, ms).unref();
  return () => clearTimeout(timer);
}
