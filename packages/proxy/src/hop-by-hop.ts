/** What is said of one connection and ends with it (RFC 9110 section 7.6.1). */
import type { HeaderList } from "@keybearer/providers";

/** In lower case. */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Those besides that the message's own Connection names, in lower case; undefined: it has none. */
export function connectionNames(headers: HeaderList): ReadonlySet<string> | undefined {
  if (!headers.has("connection")) return undefined;
  return new Set(
    headers.values("connection").flatMap((line) => line.split(",").map((name) => name.trim().toLowerCase())),
  );
}
