/** What can go wrong for whoever holds a simulator; what it answers to clients is in `openai-error.ts`. */

/**
 * - `SIMULATOR_CLOSED`: it was closed while someone waited for a request, or before.
 * - `SIMULATOR_LISTEN`: the port cannot be had; `cause` is the system's error.
 */
export type SimulatorErrorCode = "SIMULATOR_CLOSED" | "SIMULATOR_LISTEN";

const brand = Symbol.for("keybearer.SimulatorError");

export class SimulatorError extends Error {
  override readonly name = "SimulatorError";
  readonly [brand] = true;
  readonly code: SimulatorErrorCode;

  constructor(code: SimulatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static is(error: unknown): error is SimulatorError {
    return typeof error === "object" && error !== null && brand in error;
  }
}
