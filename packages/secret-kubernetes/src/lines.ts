/** A stream's lines, wherever its chunks begin and end. */
import { failure } from "./failures.ts";

const NEWLINE = 0x0a;

/** Empty lines are left out. Throws SecretError for a line that is longer than the limit, or that never ends. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, limitBytes: number): AsyncGenerator<string> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      pieces.push(chunk.subarray(start, end));
      bytes += end - start;
      if (bytes > limitBytes) throw tooLong(limitBytes);
      if (bytes > 0) yield Buffer.concat(pieces).toString("utf8");
      pieces = [];
      bytes = 0;
      start = end + 1;
    }
    bytes += chunk.length - start;
    if (bytes > limitBytes) throw tooLong(limitBytes);
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (bytes > 0) throw failure("SECRET_UNAVAILABLE", "the API server's stream ended in the middle of an event");
}

function tooLong(limitBytes: number) {
  return failure("SECRET_UNAVAILABLE", `an event of the API server is more than ${limitBytes / 1_048_576} MiB`);
}
