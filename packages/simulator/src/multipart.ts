/** Reads multipart/form-data (RFC 7578) from a whole body. */
import { createHash } from "node:crypto";

export interface FormPart {
  readonly name: string;
  /** Undefined for a plain field. */
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly bytes: Buffer;
}

/** Undefined when the content type has no boundary or the body does not keep to it. */
export function readMultipart(contentType: string, body: Buffer): FormPart[] | undefined {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const marker = boundary?.[1] ?? boundary?.[2];
  if (marker === undefined || !/^multipart\/form-data\b/i.test(contentType)) return undefined;
  const delimiter = Buffer.from(`\r\n--${marker}`);
  const parts: FormPart[] = [];
  // The first delimiter may stand at the very beginning, without the line break before it.
  let at = body.indexOf(delimiter.subarray(2));
  if (at === -1) return undefined;
  at += delimiter.length - 2;
  while (body.toString("latin1", at, at + 2) === "\r\n") {
    const end = body.indexOf(delimiter, at);
    const blank = body.indexOf("\r\n\r\n", at);
    if (end === -1 || blank === -1 || blank > end) return undefined;
    parts.push(readPart(body.toString("utf8", at, blank), body.subarray(blank + 4, end)));
    at = end + delimiter.length;
  }
  return body.toString("latin1", at, at + 2) === "--" ? parts : undefined;
}

function readPart(head: string, bytes: Buffer): FormPart {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? "";
  return {
    name: /;\s*name="([^"]*)"/i.exec(disposition)?.[1] ?? "",
    filename: /;\s*filename="([^"]*)"/i.exec(disposition)?.[1],
    contentType: /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1],
    bytes,
  };
}

export function fieldOf(parts: readonly FormPart[], name: string): string | undefined {
  return parts.find((part) => part.name === name && part.filename === undefined)?.bytes.toString("utf8");
}

/** What was uploaded, so that a test can see that a gateway changed nothing on the way. */
export interface SeenFile {
  readonly field: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
}

export function seenFiles(parts: readonly FormPart[]): SeenFile[] {
  return parts
    .filter((part) => part.filename !== undefined)
    .map((part) => ({
      field: part.name,
      filename: part.filename ?? "",
      bytes: part.bytes.length,
      sha256: createHash("sha256").update(part.bytes).digest("hex"),
    }));
}
