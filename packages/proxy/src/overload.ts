/** The answer to a request that comes while there are enough: made once, and sent before anything is looked at. */
import { plainErrorBody } from "./error-body.ts";
import { ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { isWorthReading } from "./unread-body.ts";

const RETRY_AFTER_S = 1;

const { status, code, message } = new ProxyError("overloaded", "The gateway has too many requests under way.");
export const SHED_STATUS = status;
export const SHED_BODY = Buffer.from(plainErrorBody({ status, code, message }));
const headers = {
  "content-type": "application/json",
  "retry-after": RETRY_AFTER_S,
  "content-length": SHED_BODY.length,
};
/** Name, value, name, value. */
export const SHED_HEAD: readonly string[] = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
const LAST_HEAD: readonly string[] = [...SHED_HEAD, "connection", "close"];

/** Answers 503 with Retry-After. No line in the log: a flood would fill it. */
export function shed(exchange: Exchange): void {
  const { method } = exchange.head;
  exchange.sendHead(SHED_STATUS, isShort(exchange.head.headers) ? SHED_HEAD : LAST_HEAD);
  if (method !== "HEAD") exchange.write(SHED_BODY);
  exchange.end();
}

/** By length first, since most names have another. */
function isShort(headers: readonly string[]): boolean {
  for (let index = 0; index < headers.length; index += 2) {
    const { length } = headers[index] ?? "";
    if (length === 17 && headers[index]?.toLowerCase() === "transfer-encoding") return false;
    if (length === 14 && headers[index]?.toLowerCase() === "content-length") return isWorthReading(headers[index + 1]);
  }
  return true;
}
