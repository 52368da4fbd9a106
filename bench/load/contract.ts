/** What the generator's process is told and what it tells. */

/** Connections to a subject, the one request that they send and the one answer that they expect. */
export interface Target {
  readonly port: number;
  readonly connections: number;
  /** A whole HTTP/1.1 request. */
  readonly request: Uint8Array;
  /** The body of the right answer; absent: any that is complete. */
  readonly expected?: Uint8Array;
  /** 200 if absent. */
  readonly status?: number;
}

export type LoadCommand =
  | { readonly kind: "open"; readonly target: Target }
  /** Each connection sends its next request when the answer to the last is there; until the time is over and so many are. */
  | { readonly kind: "closedLoop"; readonly seconds: number; readonly atLeast: number }
  /** Sends at a fixed rate, whatever comes back. */
  | { readonly kind: "paced"; readonly seconds: number; readonly requestsPerSecond: number }
  /** Sends one request on each connection, and waits until each answer has begun. */
  | { readonly kind: "hold" }
  | { readonly kind: "close" };

export interface LoadReply {
  readonly answers: number;
  readonly seconds: number;
  /** What went wrong, and how often; empty: nothing. */
  readonly faults: Readonly<Record<string, number>>;
  /** Of each answer, in microseconds, where they were paced. */
  readonly latenciesUs?: Float64Array;
}
