/** Errors in OpenAI's shape: `{"error":{"message","type","param","code"}}`. */
import type { ErrorFacts } from "../../contract.ts";

export function errorBody(error: ErrorFacts): string {
  const { status, code, message, param = null } = error;
  return JSON.stringify({ error: { message, type: typeOf(status), param, code } });
}

/**
 * The event that ends a stream which broke. No `[DONE]` follows, so that nobody takes the answer for whole.
 * The official clients raise it for chat and for responses alike.
 */
export function streamError(error: ErrorFacts): string {
  return `data: ${errorBody(error)}\n\n`;
}

/** OpenAI itself calls a bad key an invalid request, and tells by the code. */
function typeOf(status: number): string {
  if (status >= 500) return "server_error";
  if (status === 429) return "rate_limit_error";
  return status === 403 ? "permission_error" : "invalid_request_error";
}
