/** The errors that undici's client has, by its codes, names and brands, without undici. */
import { WireError } from "../errors.ts";

const names = {
  UND_ERR_ABORTED: "AbortError",
  UND_ERR_BODY_TIMEOUT: "BodyTimeoutError",
  UND_ERR_CONNECT_TIMEOUT: "ConnectTimeoutError",
  UND_ERR_DESTROYED: "ClientDestroyedError",
  UND_ERR_HEADERS_OVERFLOW: "HeadersOverflowError",
  UND_ERR_HEADERS_TIMEOUT: "HeadersTimeoutError",
  UND_ERR_INVALID_ARG: "InvalidArgumentError",
  UND_ERR_NOT_SUPPORTED: "NotSupportedError",
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "RequestContentLengthMismatchError",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "ResponseContentLengthMismatchError",
  UND_ERR_SOCKET: "SocketError",
  /** llhttp's word for what is let pass by others. */
  HPE_STRICT: "HTTPParserError",
} as const;

/** As undici has them (its docs/docs/api/Errors.md), and llhttp's `HPE_STRICT`. */
export type ClientErrorCode = keyof typeof names;

/** `instanceof` one of undici's error classes too: these go by brands. */
export class ClientError extends Error {
  override readonly name: string;
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = names[code];
    this.code = code;
    for (const brand of brandsOf(code))
      Object.defineProperty(this, Symbol.for(`undici.error.${brand}`), { value: true });
  }
}

function brandsOf(code: ClientErrorCode): readonly string[] {
  if (code === "HPE_STRICT") return ["UND_ERR_HTTP_PARSER"];
  return code === "UND_ERR_ABORTED" ? ["UND_ERR", "UND_ERR_ABORT", code] : ["UND_ERR", code];
}

export function invalidArgument(message: string): ClientError {
  return new ClientError("UND_ERR_INVALID_ARG", message);
}

/** What was caught, as undici would say it. */
export function asClientError(cause: unknown): Error {
  if (!WireError.is(cause)) return cause instanceof Error ? cause : new Error(String(cause));
  if (cause.code === "WIRE_HEAD_TOO_LARGE" || cause.code === "WIRE_LINE_TOO_LONG")
    return new ClientError("UND_ERR_HEADERS_OVERFLOW", "Headers Overflow Error");
  return new ClientError("HPE_STRICT", `Response does not match the HTTP/1.1 protocol (${cause.message})`, { cause });
}
