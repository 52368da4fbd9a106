/** OpenAI's error answers: `{"error":{"message","type","param","code"}}`. */
import { jsonReply, type HeaderValues, type Reply } from "./reply.ts";

export interface OpenAIError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export function openAIError(error: Partial<OpenAIError> & { readonly message: string }): OpenAIError {
  return {
    message: error.message,
    type: error.type ?? "invalid_request_error",
    param: error.param ?? null,
    code: error.code ?? null,
  };
}

export function errorReply(
  status: number,
  error: Partial<OpenAIError> & { readonly message: string },
  headers: HeaderValues = {},
): Reply {
  return jsonReply({ error: openAIError(error) }, status, headers);
}

/** What OpenAI says with a status when nothing more is known. */
export function statusReply(status: number, headers: HeaderValues = {}): Reply {
  if (status === 429) {
    return errorReply(
      status,
      { message: "Rate limit reached for requests", type: "requests", code: "rate_limit_exceeded" },
      headers,
    );
  }
  if (status >= 500) {
    const message = "The server had an error while processing your request. Sorry about that!";
    return errorReply(status, { message, type: "server_error" }, headers);
  }
  if (status < 400) return jsonReply({}, status, headers);
  return errorReply(status, { message: `Simulated failure with status ${status}.` }, headers);
}

/** As OpenAI masks: the beginning and the last four characters stay. */
export function maskKey(key: string): string {
  if (key.length <= 8) return "*".repeat(key.length);
  const shown = key.length > 16 ? 8 : 2;
  return key.slice(0, shown) + "*".repeat(key.length - shown - 4) + key.slice(-4);
}
