/** What goes wrong on a connection of the wire engine, in the words of the proxy. */
import type { FailureFacts, Refusal, WireErrorCode } from "@keybearer/wire";
import { plainErrorBody } from "../../error-body.ts";
import { ProxyError, type ProxyErrorCode } from "../../errors.ts";

type Said = readonly [ProxyErrorCode, message: string];

const MALFORMED: Said = ["invalid_request", "The request is not valid HTTP/1.1."];
const failures: Partial<Record<WireErrorCode, Said>> = {
  WIRE_VERSION: ["version_not_supported", "The gateway speaks HTTP/1.1 and HTTP/1.0."],
  WIRE_METHOD: ["method_unknown", "The method is none that the gateway knows."],
  WIRE_CONNECT: ["method_not_supported", "CONNECT is not supported."],
  WIRE_LINE_TOO_LONG: ["target_too_long", "The request line is too long."],
  WIRE_HEAD_TOO_LARGE: ["head_too_large", "The request head is too large, or has too many headers."],
  WIRE_TIMEOUT: ["request_too_slow", "The request did not arrive in time."],
  WIRE_CLIENT_CLOSED: ["client_closed", "The client closed the connection."],
};

export function failureOf(code: WireErrorCode, { limitBytes, timeoutMs, cause }: FailureFacts): ProxyError {
  const options = { cause };
  if (code === "WIRE_NOT_READING")
    return new ProxyError("client_closed", `The client took nothing of its answer for ${timeoutMs} ms.`, options);
  if (code === "WIRE_BODY_TOO_LARGE") {
    const limit = limitBytes === undefined ? "longer than can be counted" : `larger than ${limitBytes} bytes`;
    return new ProxyError("request_too_large", `The request body is ${limit}.`, options);
  }
  return new ProxyError(...(failures[code] ?? MALFORMED), options);
}

export function refusalOf(error: ProxyError): Refusal {
  return { status: error.status, headers: ["content-type", "application/json"], body: plainErrorBody(error) };
}
