/** Content-Length (RFC 9110 section 8.6). */

/** The number that it says, leading zeros or not; -1: it says none, or none that can be counted to. */
export function readContentLength(value: string): number {
  const length = /^\d+$/.test(value) ? Number(value) : -1;
  return Number.isSafeInteger(length) ? length : -1;
}
