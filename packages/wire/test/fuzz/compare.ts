/** Whether llhttp goes along with whatever wire accepts, and wire with itself however the bytes come. */
import { isClosedByTrailer, withoutTabBehindCoding } from "./known.ts";
import * as llhttp from "./llhttp.ts";
import type { Case, Message, Reading } from "./reading.ts";
import type { Random } from "./random.ts";
import * as wire from "./wire.ts";

export type Direction = "requests" | "responses";
export type Read = (bytes: Case, cuts?: readonly number[]) => Reading;

export const READERS: Readonly<Record<Direction, { readonly wire: Read; readonly llhttp: Read }>> = {
  requests: { wire: wire.readRequests, llhttp: llhttp.readRequests },
  responses: { wire: wire.readResponses, llhttp: llhttp.readResponses },
};

export interface Comparison {
  /** What is wrong. Undefined: nothing. */
  readonly difference: string | undefined;
  readonly wire: Reading;
  readonly llhttp: Reading;
}

/** `random` places the cuts. */
export function compare(direction: Direction, given: Case, random: Random, readers = READERS[direction]): Comparison {
  const whole = readers.wire(given);
  const rewritten = withoutTabBehindCoding(given, whole);
  const other = readers.llhttp(rewritten);
  // It tells at the end of a piece, so the pieces end before and behind each place where wire says that something ends.
  const ends = whole.messages.flatMap(({ headEnd, end }) => [headEnd - 1, headEnd, end - 1, end]);
  const exact = readers.llhttp(
    rewritten,
    [...new Set(ends)].sort((one, two) => one - two),
  );
  const difference =
    agreement(whole, other, false) ??
    agreement(whole, exact, true) ??
    constancy(readers.wire, given, whole, everyByte(given)) ??
    constancy(readers.wire, given, whole, anywhere(given, random));
  return { difference, wire: whole, llhttp: exact };
}

function agreement(wire: Reading, llhttp: Reading, isExact: boolean): string | undefined {
  for (const [index, message] of wire.messages.entries()) {
    const other = llhttp.messages[index];
    if (!other && isClosedByTrailer(llhttp)) return undefined;
    if (!other) return `message ${index}: llhttp has none (${llhttp.end}: ${llhttp.because})`;
    const difference = messageDifference(message, other, wire.end === "open" || wire.end === "over", isExact);
    if (difference) return `message ${index}: ${difference}`;
  }
  if (wire.end === "open" && llhttp.messages.length > wire.messages.length)
    return `message ${wire.messages.length}: wire waits for what llhttp has whole`;
  return undefined;
}

function messageDifference(wire: Message, llhttp: Message, isUnbroken: boolean, isExact: boolean): string | undefined {
  if (wire.line !== llhttp.line) return `line: ${wire.line} | ${llhttp.line}`;
  if (!isEqualList(wire.headers, llhttp.headers)) return "headers";
  if (isExact && wire.headEnd !== llhttp.headEnd) return `end of the head: ${wire.headEnd} | ${llhttp.headEnd}`;
  if (llhttp.closes && !wire.closes) return "llhttp lets nothing follow";
  const isWhole = wire.end !== -1;
  if (isWhole && llhttp.end === -1) return "llhttp waits for what wire has whole";
  if (isWhole && isExact && wire.end !== llhttp.end) return `end: ${wire.end} | ${llhttp.end}`;
  if (!isWhole && isUnbroken && llhttp.end !== -1) return "wire waits for what llhttp has whole";
  // What wire gave before it met a fault may be less; llhttp may have met one too, and gave no less.
  if (isWhole ? wire.body !== llhttp.body : !llhttp.body.startsWith(wire.body)) return "body";
  return undefined;
}

function constancy(read: Read, given: Case, whole: Reading, cuts: readonly number[]): string | undefined {
  const cut = read(given, cuts);
  // In which words it refuses may differ.
  const isSame = (message: Message, index: number) => isEqual(message, cut.messages[index]);
  if (cut.end === whole.end && cut.messages.length === whole.messages.length && whole.messages.every(isSame))
    return undefined;
  return `in pieces (${cuts.length > 40 ? "every byte" : cuts.join(" ")}) wire says ${JSON.stringify(cut)}`;
}

function isEqual(one: Message, other: Message | undefined): boolean {
  return (
    one.line === other?.line &&
    isEqualList(one.headers, other.headers) &&
    one.headEnd === other.headEnd &&
    one.body === other.body &&
    one.end === other.end &&
    one.closes === other.closes
  );
}

function isEqualList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function everyByte({ bytes }: Case): number[] {
  return Array.from({ length: bytes.length }, (_, index) => index + 1);
}

function anywhere({ bytes }: Case, random: Random): number[] {
  const cuts = random.list(random.between(1, 6), () => random.below(bytes.length + 1));
  return cuts.sort((one, two) => one - two);
}
