/** An error for clients of whom no dialect is known: in OpenAI's shape, which most of them read. */
import type { ErrorFacts } from "@keybearer/providers";

/** JSON. */
export function plainErrorBody({ status, code, message }: Pick<ErrorFacts, "status" | "code" | "message">): string {
  return JSON.stringify({ error: { message, type: typeOf(status), param: null, code } });
}

function typeOf(status: number): string {
  if (status >= 500) return "server_error";
  if (status === 429) return "rate_limit_error";
  return status === 403 ? "permission_error" : "invalid_request_error";
}
