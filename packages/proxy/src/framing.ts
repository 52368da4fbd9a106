/** Whether a request's head says without a doubt where the request ends, and asks for nothing that is not done here. */
import { ProxyError } from "./errors.ts";
import type { RequestHead } from "./exchange.ts";
import type { FrontendLimits } from "./limits.ts";

/** What of a head decides on its end and on what becomes of the connection. */
interface Signs {
  codings: number;
  expectations: number;
  /** Of the body, as announced. */
  length: number;
  upgrade: string;
  connection: string;
}

/**
 * What the engine lets pass and RFC 9112 does not, or we do not do. Throws ProxyError: `invalid_request` for any transfer
 * coding but `chunked`, said once, in HTTP/1.1 (section 6.1); 405 413 414 417 501 505.
 */
export function checkFraming(
  { method, target, headers, httpVersion }: RequestHead,
  { targetBytes, bodyBytes }: Pick<FrontendLimits, "targetBytes" | "bodyBytes">,
): void {
  if (httpVersion !== "1.1" && httpVersion !== "1.0")
    throw new ProxyError("version_not_supported", "The gateway speaks HTTP/1.1 and HTTP/1.0.");
  // The answer to TRACE is the request as it arrived, with the key in it.
  if (method === "TRACE") throw new ProxyError("method_not_supported", "TRACE is not supported.");
  if (target.length > targetBytes)
    throw new ProxyError("target_too_long", `The request target is longer than ${targetBytes} bytes.`);
  const isOld = httpVersion === "1.0";
  const signs: Signs = { codings: 0, expectations: 0, length: 0, upgrade: "", connection: "" };
  for (let index = 0; index < headers.length; index += 2)
    readSign(headers[index] ?? "", headers[index + 1] ?? "", isOld, signs);
  if (signs.length > bodyBytes)
    throw new ProxyError("request_too_large", `The request body is larger than ${bodyBytes} bytes.`);
  // Without the word in Connection it is not meant for us (RFC 9110 section 7.8).
  if (hasToken(signs.upgrade, "websocket") && hasToken(signs.connection, "upgrade"))
    throw new ProxyError("upgrade_not_supported", "The gateway does not speak WebSocket yet.");
}

/** By length first: this is asked of each header of each request. */
function readSign(name: string, value: string, isOld: boolean, signs: Signs): void {
  switch (name.length) {
    case 6:
      // RFC 9110 section 10.1.1: HTTP/1.0 knows no expectations.
      if (!isOld && name.toLowerCase() === "expect") checkExpectation(value, ++signs.expectations);
      break;
    case 7:
      if (!isOld && name.toLowerCase() === "upgrade") signs.upgrade += `,${value}`;
      break;
    case 10:
      if (name.toLowerCase() === "connection") signs.connection += `,${value}`;
      break;
    case 14:
      if (name.toLowerCase() === "content-length") signs.length = readLength(value);
      break;
    case 17:
      if (name.toLowerCase() === "transfer-encoding") checkCoding(value, isOld, ++signs.codings);
      break;
  }
}

function checkExpectation(value: string, count: number): void {
  if (count > 1 || value.toLowerCase() !== "100-continue")
    throw new ProxyError("expectation_failed", "The only expectation that can be met is 100-continue.");
}

/** The engine has checked that these are digits, once. */
function readLength(value: string): number {
  const length = Number(value);
  if (length > Number.MAX_SAFE_INTEGER)
    throw new ProxyError("request_too_large", "The request body is longer than can be counted.");
  return length;
}

function checkCoding(value: string, isOld: boolean, count: number): void {
  if (count > 1 || isOld || value.toLowerCase() !== "chunked")
    throw new ProxyError("invalid_request", "The only transfer coding is chunked, once, in HTTP/1.1.");
}

/** Whether the list of a header has it; the token in lower case. */
export function hasToken(list: string, token: string): boolean {
  return list !== "" && list.split(",").some((item) => item.trim().toLowerCase() === token);
}
