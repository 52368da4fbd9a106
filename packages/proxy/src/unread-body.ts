/** What is to become of a body that nobody has read when the answer is out. */

const WORTH_READING_BYTES = 64 * 1024;

/** Whether it is worth reading for the sake of the connection: one that is long, or of unknown length, is not. */
export function isWorthReading(contentLength: string | undefined): boolean {
  return Number(contentLength ?? Infinity) <= WORTH_READING_BYTES;
}
