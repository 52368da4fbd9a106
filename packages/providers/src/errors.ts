/** Why a request's body was refused. */

export type BodyErrorCode =
  /** No JSON text (RFC 8259), or no UTF-8. */
  | "INVALID_JSON"
  /** JSON nested deeper than 512. */
  | "JSON_TOO_DEEP"
  /** JSON, but no object. */
  | "NOT_AN_OBJECT"
  /** No multipart/form-data (RFC 7578), or one that two readers could read in two ways. */
  | "INVALID_MULTIPART";

const brand = Symbol.for("keybearer.BodyError");

/** The client's fault (400): what is wrong and where, never what the body holds. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly [brand] = true;
  readonly code: BodyErrorCode;
  /** Offset in bytes. */
  readonly position: number;

  constructor(code: BodyErrorCode, position: number, message: string) {
    super(`${message} at byte ${position}`);
    this.code = code;
    this.position = position;
  }

  static is(error: unknown): error is BodyError {
    return typeof error === "object" && error !== null && brand in error;
  }
}
