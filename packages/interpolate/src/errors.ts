/** Why a text could not be expanded, or an env file not be read: code and place, never the text around it. */

export type InterpolateErrorCode = "TEMPLATE_SYNTAX" | "VARIABLE_UNSET" | "ENV_FILE_SYNTAX";

export interface InterpolateErrorPlace {
  /** The variable's name. */
  readonly variable?: string;
  /** Where the faulty piece begins, in UTF-16 code units from the start of the template. */
  readonly offset?: number;
  /** How long the faulty piece is, in UTF-16 code units. */
  readonly length?: number;
  /** Line of an env file, counted from 1. */
  readonly line?: number;
}

const brand = Symbol.for("keybearer.InterpolateError");

/** Match `code`, not the message. A template may hold a secret, so no message quotes one. */
export class InterpolateError extends Error {
  override readonly name = "InterpolateError";
  readonly [brand] = true;
  readonly code: InterpolateErrorCode;
  /** The variable's name, where the error is about one. */
  readonly variable: string | undefined;
  /** Set for TEMPLATE_SYNTAX and VARIABLE_UNSET: UTF-16 code units from the start of the template. */
  readonly offset: number | undefined;
  /** Set together with `offset`. */
  readonly length: number | undefined;
  /** Set for ENV_FILE_SYNTAX: counted from 1. */
  readonly line: number | undefined;

  constructor(code: InterpolateErrorCode, message: string, place: InterpolateErrorPlace = {}) {
    super(message);
    this.code = code;
    this.variable = place.variable;
    this.offset = place.offset;
    this.length = place.length;
    this.line = place.line;
  }

  static is(error: unknown): error is InterpolateError {
    return typeof error === "object" && error !== null && brand in error;
  }
}
