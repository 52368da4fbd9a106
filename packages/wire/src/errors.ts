/** What went wrong on a connection: the code is the interface, the text may change. */

/** What ends a request on a server connection; README.md says what each stands for. */
export type WireErrorCode =
  // What the other side sent.
  | "WIRE_MALFORMED"
  | "WIRE_VERSION"
  | "WIRE_METHOD"
  | "WIRE_LINE_TOO_LONG"
  | "WIRE_HEAD_TOO_LARGE"
  | "WIRE_BODY_TOO_LARGE"
  // What a client does.
  | "WIRE_CONNECT"
  | "WIRE_CLIENT_CLOSED"
  | "WIRE_TIMEOUT"
  | "WIRE_NOT_READING";

const brand = Symbol.for("keybearer.WireError");

/** `WireError.is(error)` tells it, from another copy of the package too. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly [brand] = true;
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static is(error: unknown): error is WireError {
    return typeof error === "object" && error !== null && brand in error;
  }
}
