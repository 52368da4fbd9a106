/** Why a key is not to be had. */

export type SecretErrorCode =
  | "SECRET_NOT_FOUND"
  | "SECRET_EMPTY"
  | "SECRET_MALFORMED"
  | "SECRET_DENIED"
  | "SECRET_UNAVAILABLE"
  | "SECRET_EXPIRED";

export interface SecretErrorOptions extends ErrorOptions {
  /** What was found: `/etc/keybearer/key.txt, 2 lines`. Never the value. */
  readonly found?: string | undefined;
  /** How to mend it: `write it with >, not >>`. */
  readonly fix?: string | undefined;
}

const brand = Symbol.for("keybearer.SecretError");

/** Match `code`, not the message. Says what was found, never the value. Whoever holds the config adds the place in it. */
export class SecretError extends Error {
  override readonly name = "SecretError";
  readonly [brand] = true;
  readonly code: SecretErrorCode;
  /** The source's word: `env`, `file`, `passthrough`. */
  readonly source: string;
  readonly found: string | undefined;
  readonly fix: string | undefined;

  constructor(code: SecretErrorCode, source: string, message: string, options: SecretErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.source = source;
    this.found = options.found;
    this.fix = options.fix;
  }

  static is(error: unknown): error is SecretError {
    return typeof error === "object" && error !== null && brand in error;
  }

  /**
   * Makes a SecretError of anything thrown. A system error (it has `syscall`) becomes its code and stays as cause. Of any
   * other error only name and code are kept: JSON.parse, for one, quotes in its message the text that it could not read.
   */
  static from(source: string, error: unknown): SecretError {
    if (SecretError.is(error)) return error;
    if (isSystemError(error)) return fromSystem(source, error);
    return new SecretError("SECRET_UNAVAILABLE", source, `the source ${source} failed: ${describe(error)}`, {
      fix: "a source that throws a SecretError can say more here",
    });
  }

  /** For `promise.catch(SecretError.rethrow("file"))`. */
  static rethrow(source: string): (error: unknown) => never {
    return (error) => {
      throw SecretError.from(source, error);
    };
  }

  /** The same error, naming the path or variable that it was found in. */
  at(place: string): SecretError {
    const found = this.found === undefined ? place : `${place}, ${this.found}`;
    const options = { found, fix: this.fix, ...(this.cause === undefined ? {} : { cause: this.cause }) };
    return new SecretError(this.code, this.source, this.message, options);
  }
}

type SystemError = Error & { readonly code: string; readonly syscall: string; readonly path?: string };

const system: Readonly<Record<string, readonly [SecretErrorCode, string, string?]>> = {
  ENOENT: ["SECRET_NOT_FOUND", "there is no such file"],
  ENOTDIR: ["SECRET_NOT_FOUND", "there is no such file: a part of the path is no directory"],
  ENAMETOOLONG: [
    "SECRET_NOT_FOUND",
    "there is no such file: the path is too long",
    "is this the key instead of a path?",
  ],
  EACCES: ["SECRET_DENIED", "no permission to read the file", "let the user that runs the gateway read it"],
  EPERM: ["SECRET_DENIED", "no permission to read the file", "let the user that runs the gateway read it"],
  EISDIR: ["SECRET_MALFORMED", "this is a directory", "name the file in it"],
  ELOOP: ["SECRET_MALFORMED", "these links lead back to themselves"],
};

function fromSystem(source: string, error: SystemError): SecretError {
  const [code, message, fix] = system[error.code] ?? ["SECRET_UNAVAILABLE", `${error.syscall} failed: ${error.code}`];
  return new SecretError(code, source, message, { found: error.path, fix, cause: error });
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && hasText(error, "code") && hasText(error, "syscall");
}

/** undici hides the reason in the cause: `TypeError: fetch failed`, caused by ECONNREFUSED. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw a ${typeof error}`;
  const coded = hasText(error, "code") ? error : error.cause;
  // Names and codes are words of a program; whatever is not shaped like one is left out.
  const words = [error.name, hasText(coded, "code") ? coded.code : ""].filter((word) => /^\w{1,64}$/.test(word));
  return words.join(" ") || "Error";
}

function hasText<Name extends string>(value: unknown, name: Name): value is Record<Name, string> {
  return typeof value === "object" && value !== null && name in value && typeof Reflect.get(value, name) === "string";
}
