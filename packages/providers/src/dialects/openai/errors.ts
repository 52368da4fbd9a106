/** Errors in OpenAI's shape: `{"error":{"message","type","param","code"}}`. */
import type { ErrorFacts, Operation } from "../../contract.ts";

export function errorBody(error: ErrorFacts): string {
  return JSON.stringify({ error: asError(error) });
}

/**
 * The event that ends a stream which broke. No `[DONE]` follows, so that nobody takes the answer for whole. Responses have
 * events with names and flat fields; the official clients raise an error for what stands in `error`, there as well.
 */
export function streamError(facts: ErrorFacts, operation?: Operation): string {
  if (operation !== "responses") return `data: ${errorBody(facts)}\n\n`;
  const error = asError(facts);
  const { code, message, param } = error;
  return `event: error\ndata: ${JSON.stringify({ type: "error", code, message, param, sequence_number: 0, error })}\n\n`;
}

function asError(error: ErrorFacts) {
  const { status, code, message, param = null } = error;
  return { message, type: typeOf(status), param, code };
}

/** OpenAI itself calls a bad key an invalid request, and tells by the code. */
function typeOf(status: number): string {
  if (status >= 500) return "server_error";
  if (status === 429) return "rate_limit_error";
  return status === 403 ? "permission_error" : "invalid_request_error";
}
