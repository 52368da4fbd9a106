/** What a client is told of a request that never became one: no dialect of it is known. */
import type { ProxyError } from "../errors.ts";

/** JSON. */
export function refusalBody({ message, status, code }: ProxyError): string {
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return JSON.stringify({ error: { message, type, param: null, code } });
}
