/** The status that an error inside a 200 answer stands for. */
import type { ErrorDetails } from "./error-body.ts";

/** In the order in which they are looked for: what says more comes first. Names as the providers document them. */
const statuses: readonly (readonly [code: string, status: number])[] = [
  ["overloaded_error", 529],
  ["insufficient_quota", 429],
  ["credit_balance_exhausted", 429],
  ["billing_error", 402],
  ["payment_required", 402],
  ["rate_limit_exceeded", 429],
  ["rate_limit_error", 429],
  ["rate_limited", 429],
  ["resource_exhausted", 429],
  ["throttlingexception", 429],
  ["slow_down", 429],
  ["invalid_api_key", 401],
  ["authentication_error", 401],
  ["unauthenticated", 401],
  ["permission_error", 403],
  ["permission_denied", 403],
  ["model_not_found", 404],
  ["not_found_error", 404],
  ["not_found", 404],
  ["request_too_large", 413],
  ["context_length_exceeded", 400],
  ["previous_response_not_found", 400],
  ["content_filter", 400],
  ["invalid_prompt", 400],
  ["validationexception", 400],
  ["modelstreamerrorexception", 424],
  ["modelerrorexception", 424],
  ["modeltimeoutexception", 408],
  ["server_is_overloaded", 503],
  ["provider_overloaded", 503],
  ["service_unavailable_error", 503],
  ["serviceunavailableexception", 503],
  ["unavailable", 503],
  ["timeout_error", 504],
  ["deadline_exceeded", 504],
  ["server_error", 500],
  ["api_error", 500],
  ["internal", 500],
  ["internalserverexception", 500],
  ["invalid_request_error", 400],
  ["invalid_argument", 400],
  ["failed_precondition", 400],
];

/** 500 where the error names nothing that is known. */
export function inBandStatus(error: ErrorDetails): number {
  if (error.codes.includes("overloaded_error")) return 529;
  return error.status ?? statuses.find(([code]) => error.codes.includes(code))?.[1] ?? 500;
}
