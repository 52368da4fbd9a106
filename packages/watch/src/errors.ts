/** Why what stands at a path is not read. What the system refuses keeps the system's own error (`EACCES`). */

export type WatchErrorCode = "WATCH_NOT_A_FILE" | "WATCH_TOO_LARGE";

const brand = Symbol.for("keybearer.WatchError");

/** Match `code`, not the message. Holds nothing of what the file holds. */
export class WatchError extends Error {
  override readonly name = "WatchError";
  readonly [brand] = true;
  readonly code: WatchErrorCode;

  constructor(code: WatchErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  static is(error: unknown): error is WatchError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

/** A system error's code (`ENOENT`), or undefined for anything else that was thrown. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
