/** Whether a request's head says without a doubt where its body ends, to us and to whoever reads it after us. */
import { ProxyError } from "./errors.ts";
import type { RequestHead } from "./exchange.ts";

/**
 * Throws ProxyError `invalid_request`. What the engine lets pass and RFC 9112 section 6.1 does not: any transfer coding
 * but `chunked`, said once, and one in HTTP/1.0.
 */
export function checkFraming({ headers, httpVersion }: RequestHead): void {
  let codings = 0;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index];
    if (name === undefined || name.length !== 17 || name.toLowerCase() !== "transfer-encoding") continue;
    codings++;
    if (codings > 1 || httpVersion === "1.0" || headers[index + 1]?.toLowerCase() !== "chunked")
      throw new ProxyError("invalid_request", "The only transfer coding is chunked, once, in HTTP/1.1.");
  }
}
