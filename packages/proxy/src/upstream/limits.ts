/** How much one origin may take of a serving thread, and for how long. */
import type { TcpKeepAlive } from "../limits.ts";

/** Of one pool; docs/limits.md says what is beyond each. */
export interface UpstreamLimits {
  /** Until a connection stands, with its TLS. */
  readonly connectTimeoutMs: number;
  /** To one origin, those that are being opened included. */
  readonly maxConnections: number;
  /** Connections that are kept while nothing uses them; the one that served last stays longest. */
  readonly maxIdleConnections: number;
  /** After that long without a request a connection is closed; sooner where the upstream's Keep-Alive says so. */
  readonly idleTimeoutMs: number;
  /** Requests that may wait for a connection, beside those for which one is being opened. */
  readonly queueSize: number;
  readonly queueTimeoutMs: number;
  readonly keepAlive: TcpKeepAlive | "off";
  /** Of an answer: its status line and headers. */
  readonly headBytes: number;
  /** Until the head of an answer. */
  readonly headerTimeoutMs: number;
  /** Of silence within an answer, while it is the upstream that is waited for. */
  readonly bodyTimeoutMs: number;
  /** How often it is looked whether a name still leads where its connections go. */
  readonly resolveIntervalMs: number;
}

export const upstreamLimits: UpstreamLimits = {
  connectTimeoutMs: 10_000,
  maxConnections: 1024,
  maxIdleConnections: Infinity,
  idleTimeoutMs: 90_000,
  queueSize: 1024,
  queueTimeoutMs: 5_000,
  headBytes: 32 * 1024,
  // A model may think for minutes before it says its first word; the official clients wait ten.
  headerTimeoutMs: 600_000,
  bodyTimeoutMs: 300_000,
  keepAlive: { idleMs: 180_000, intervalMs: 180_000, probes: 9 },
  resolveIntervalMs: 30_000,
};
