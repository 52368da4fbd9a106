/** What can be wrong in the use of the metrics registry: always a mistake in the program, found when it starts. */

/**
 * - `METRIC_INVALID`: a name, label or bucket list that Prometheus would not read.
 * - `METRIC_MISMATCH`: the same name with another type, other labels or other buckets.
 */
export type TelemetryErrorCode = "METRIC_INVALID" | "METRIC_MISMATCH";

const brand = Symbol.for("keybearer.TelemetryError");

export class TelemetryError extends Error {
  override readonly name = "TelemetryError";
  readonly [brand] = true;
  readonly code: TelemetryErrorCode;

  constructor(code: TelemetryErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  static is(error: unknown): error is TelemetryError {
    return typeof error === "object" && error !== null && brand in error;
  }
}
