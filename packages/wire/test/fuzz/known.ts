/** Where llhttp is wrong and wire is not: the two differences that are left out of the comparison. */
import type { Case, Reading } from "./reading.ts";

const TAB_BEHIND_CODING = /^(transfer-encoding:[ \t]*chunked *)\t[ \t]*(?=\r$)/gim;

/**
 * White space behind a value is spaces and tabs (RFC 9110 section 5.6.3), but llhttp knows spaces only, and takes
 * `chunked` with a tab for another coding. It gets spaces, so that everything else is compared.
 */
export function withoutTabBehindCoding(given: Case, wire: Reading): Case {
  let bytes = "";
  let from = 0;
  for (const { headEnd, end } of wire.messages) {
    const head = given.bytes.slice(from, headEnd);
    bytes += head.replaceAll(TAB_BEHIND_CODING, (blank, coding: string) => coding.padEnd(blank.length));
    from = end < headEnd ? given.bytes.length : end;
    bytes += given.bytes.slice(headEnd, from);
  }
  return { ...given, bytes: bytes + given.bytes.slice(from) };
}

/**
 * `Connection` has no place among trailers, and counts for nothing there (RFC 9110 section 6.5.1), but llhttp heeds it and
 * takes no further message.
 */
export function isClosedByTrailer({ end, messages }: Reading): boolean {
  const names = messages.at(-1)?.trailers.filter((_, index) => index % 2 === 0) ?? [];
  // Behind an upgrade it does not say why.
  return (
    (end === "HPE_CLOSED_CONNECTION" || end === "stuck") && names.some((name) => /^(proxy-)?connection$/i.test(name))
  );
}
