/** The head of a request (RFC 9112 section 3). */
import { WireError } from "../errors.ts";
import { SPACE, skip, TOKEN, VISIBLE } from "./characters.ts";
import { HeadReader, malformed } from "./head-reader.ts";
import { knownText } from "./known-texts.ts";
import { readVersion, VERSION_BYTES } from "./version.ts";

/** As llhttp has them, without those of other protocols. Any other may be right, but nobody here knows it. */
const METHODS: ReadonlySet<string> = new Set(
  (
    "GET POST PUT PATCH DELETE HEAD OPTIONS CONNECT TRACE ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY " +
    "MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK " +
    "UNLOCK UNSUBSCRIBE"
  ).split(" "),
);
const ABSOLUTE = /^[a-z]+:\/\/[a-z0-9._~%!$&'()*+,;=:[\]-]+(?:[/?].*)?$/i;

export class RequestHead extends HeadReader {
  method = "";
  /** As sent: `/v1/models?limit=2`, an absolute form, or `*`. */
  target = "";
  /** `Expect: 100-continue`, in HTTP/1.1. Another expectation is for others to judge. */
  expectsContinue = false;
  #methodStart = 0;
  #methodEnd = 0;
  #targetEnd = 0;
  #expects = false;

  override forget(): void {
    super.forget();
    this.target = "";
  }

  protected override readStartLine(bytes: Buffer, from: number, to: number, base: number): void {
    const methodEnd = skip(TOKEN, bytes, from, to);
    if (methodEnd === from || bytes[methodEnd] !== SPACE) throw malformed("the request line has no method");
    const targetEnd = skip(VISIBLE, bytes, methodEnd + 1, to);
    if (targetEnd === methodEnd + 1) throw malformed("the request line has no target");
    if (targetEnd === to) throw new WireError("WIRE_VERSION", "the request line has no version");
    if (bytes[targetEnd] !== SPACE || to - targetEnd - 1 !== VERSION_BYTES)
      throw malformed("the request line is not method, target and version");
    this.minorVersion = readVersion(bytes, targetEnd + 1);
    this.#methodStart = from - base;
    this.#methodEnd = methodEnd - base;
    this.#targetEnd = targetEnd - base;
    this.#expects = false;
  }

  protected override checkBeginning(bytes: Buffer, from: number, to: number): void {
    const methodEnd = skip(TOKEN, bytes, from, to);
    if (methodEnd < to && (methodEnd === from || bytes[methodEnd] !== SPACE)) throw malformed("no method");
  }

  protected override noteField(name: string, value: string): void {
    if (name === "expect" && value.toLowerCase() === "100-continue") this.#expects = true;
  }

  protected override conclude(text: string, bytes: Buffer, base: number): void {
    this.method = knownText(bytes, base + this.#methodStart, base + this.#methodEnd).text;
    const target = text.slice(this.#methodEnd + 1, this.#targetEnd);
    // A query may hold a key, which must not outlast its request.
    const isPlain = !target.includes("?");
    this.target = isPlain ? knownText(bytes, base + this.#methodEnd + 1, base + this.#targetEnd).text : target;
    this.expectsContinue = this.#expects && this.minorVersion === 1;
    if (!METHODS.has(this.method)) throw new WireError("WIRE_METHOD", "the method is not known");
    if (!this.target.startsWith("/")) this.#checkForm();
    if (this.hosts > 1 || (this.hosts === 0 && this.minorVersion === 1)) throw malformed("there is not one Host");
  }

  /** Section 3.2: absolute form for all, asterisk for OPTIONS, authority for CONNECT alone. */
  #checkForm(): void {
    const { method, target } = this;
    const isRight = method === "CONNECT" || ABSOLUTE.test(target) || (target === "*" && method === "OPTIONS");
    if (!isRight) throw malformed("the request target has none of the four forms");
  }
}
