/** Finds the parts of a multipart/form-data body by their place in the bytes (RFC 7578, RFC 2046). */
import { BodyError } from "../../errors.ts";
import { parseHeaderValue, type HeaderValue } from "./form-header.ts";

export interface FormPart {
  readonly name: string;
  /** The content's first byte, and the one after its last. */
  readonly start: number;
  readonly end: number;
}

export interface Form {
  /** `--` and the boundary. */
  readonly delimiter: string;
  readonly parts: readonly FormPart[];
  /** Where the closing delimiter begins. */
  readonly close: number;
}

/**
 * Stricter than the RFCs where readers are known to differ: no preamble, no epilogue, no bare line feeds or folded lines
 * in headers, no delimiter that is none, no encoded names. What passes is read by everybody in the same way.
 */
export function scanForm(body: Buffer, contentType: string): Form {
  const delimiter = `--${boundaryOf(contentType)}`;
  const parts: FormPart[] = [];
  if (!startsWith(body, delimiter, 0)) fail(0, "the body does not begin with its boundary");
  let at = 0;
  for (;;) {
    const afterDelimiter = at + delimiter.length;
    if (startsWith(body, "--", afterDelimiter)) {
      expectEnd(body, afterDelimiter + 2);
      return { delimiter, parts, close: at };
    }
    const head = skipBlanks(body, afterDelimiter);
    if (!startsWith(body, CRLF, head)) fail(head, "a boundary is not followed by a new line");
    const next = body.indexOf(delimiter, head + 2, "latin1");
    if (next === -1) fail(body.length, "the closing boundary is missing");
    if (!startsWith(body, CRLF, next - 2)) fail(next, "a boundary is not on a line of its own");
    parts.push(readPart(body, head + 2, next - 2));
    at = next;
  }
}

const CRLF = "\r\n";
const headLimitBytes = 16_384;

// RFC 2046, 5.1.1: up to 70 characters, no blank at the end.
const boundaryShape = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

function boundaryOf(contentType: string): string {
  const boundary = parseHeaderValue(contentType)?.parameters.get("boundary");
  if (boundary === undefined || boundary.isAmbiguous || !boundaryShape.test(boundary.value)) {
    fail(0, "the content type names no valid boundary");
  }
  return boundary.value;
}

function readPart(body: Buffer, start: number, end: number): FormPart {
  const headEnd = body.indexOf("\r\n\r\n", start, "latin1");
  if (headEnd === -1 || headEnd + 4 > end) fail(start, "a part has no end of its headers");
  if (headEnd - start > headLimitBytes) fail(start, "a part has too long headers");
  const headers = body.toString("latin1", start, headEnd);
  let disposition: HeaderValue | undefined;
  for (const line of headers.split(CRLF)) {
    const header = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\0\r\n]*)$/.exec(line);
    if (header === null) fail(start, "a part has a malformed header");
    const name = header[1]?.toLowerCase();
    const value = parseHeaderValue(header[2] ?? "");
    if (name === "content-disposition") {
      if (disposition !== undefined || value?.value !== "form-data") fail(start, "a part has no one valid disposition");
      disposition = value;
    }
    if (name === "content-transfer-encoding" && !/^(?:7bit|8bit|binary)$/.test(value?.value ?? "")) {
      fail(start, "a part is encoded");
    }
  }
  return { name: nameOf(disposition, start), start: headEnd + 4, end };
}

function nameOf(disposition: HeaderValue | undefined, position: number): string {
  const name = disposition?.parameters.get("name");
  if (disposition === undefined || name === undefined || name.isAmbiguous) fail(position, "a part has no plain name");
  for (const parameter of disposition.parameters.keys()) {
    // `name*` and `name*0` (RFC 2231): for some readers another name.
    if (parameter.startsWith("name*")) fail(position, "a part has an encoded name");
  }
  return name.value;
}

function expectEnd(body: Buffer, start: number): void {
  let at = skipBlanks(body, start);
  if (startsWith(body, CRLF, at)) at += 2;
  if (at !== body.length) fail(at, "something follows the closing boundary");
}

/** RFC 2046's transport padding. */
function skipBlanks(body: Buffer, start: number): number {
  let at = start;
  while (body[at] === 0x20 || body[at] === 0x09) at++;
  return at;
}

function startsWith(body: Buffer, text: string, at: number): boolean {
  return body.toString("latin1", at, at + text.length) === text;
}

function fail(at: number, message: string): never {
  throw new BodyError("INVALID_MULTIPART", at, message);
}
