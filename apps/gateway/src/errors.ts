/** What an operator did that cannot work: one message, no stack trace. Whatever else ends the process has one. */

export type GatewayErrorCode =
  | "CONFIG_NOT_FOUND"
  | "CONFIG_UNREADABLE"
  | "ENV_FILE_UNREADABLE"
  | "ENV_FILE_SYNTAX"
  | "PORT_IN_USE"
  | "PORT_DENIED"
  | "ADDRESS_UNAVAILABLE"
  | "FILE_EXISTS"
  | "FILE_UNWRITABLE"
  | "DISPATCHER_MODULE"
  | "WORKER_FAILED"
  | "ADMIN_UNAVAILABLE";

const brand = Symbol.for("keybearer.GatewayError");

export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly [brand] = true;
  readonly code: GatewayErrorCode;

  constructor(code: GatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static is(error: unknown): error is GatewayError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

/** `code` of a system error: ENOENT, EADDRINUSE. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A system error in a few words: `no such file`. */
export function inWords(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EACCES: "permission denied",
    EPERM: "operation not permitted",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of the path is no directory",
    EMFILE: "too many open files",
  };
  const code = systemCode(error) ?? "";
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Of anything that was thrown. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
