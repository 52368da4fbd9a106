/** The head of a response, informational ones too (RFC 9112 section 4). */
import { SPACE } from "./characters.ts";
import { HeadReader, malformed } from "./head-reader.ts";
import { digitAt, mayBeVersion, readVersion, VERSION_BYTES } from "./version.ts";

export class ResponseHead extends HeadReader {
  /** 100 to 999. */
  status = 0;
  reason = "";
  #reasonStart = 0;
  #reasonEnd = 0;

  protected override readStartLine(bytes: Buffer, from: number, to: number, base: number): void {
    if (to - from < VERSION_BYTES) throw malformed("the status line has no version");
    this.minorVersion = readVersion(bytes, from);
    const statusStart = from + VERSION_BYTES + 1;
    const hundreds = digitAt(bytes, statusStart);
    const tens = digitAt(bytes, statusStart + 1);
    const ones = digitAt(bytes, statusStart + 2);
    const statusEnd = statusStart + 3;
    if (bytes[statusStart - 1] !== SPACE || hundreds < 1 || tens < 0 || ones < 0 || statusEnd > to)
      throw malformed("the status is not three digits");
    if (statusEnd < to && bytes[statusEnd] !== SPACE) throw malformed("the status is not three digits");
    this.status = hundreds * 100 + tens * 10 + ones;
    // Many leave out the space where there is no reason.
    this.#reasonStart = Math.min(statusEnd + 1, to) - base;
    this.#reasonEnd = to - base;
  }

  protected override checkBeginning(bytes: Buffer, from: number, to: number): void {
    if (!mayBeVersion(bytes, from, to)) throw malformed("the protocol is not HTTP");
  }

  protected override conclude(text: string): void {
    this.reason = text.slice(this.#reasonStart, this.#reasonEnd);
  }
}
