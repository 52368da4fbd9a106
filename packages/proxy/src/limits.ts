/** How much clients may ask for: what one connection and one request may take of a serving thread, and for how long. */
import type { ProxyErrorCode } from "./errors.ts";

/** Of one thread; docs/limits.md says what is beyond each. */
export interface FrontendLimits {
  /** Request line and headers; the trailers count anew. */
  readonly headBytes: number;
  readonly headers: number;
  /** Path and query. */
  readonly targetBytes: number;
  /** Of a body that is read whole, as sent and once decoded. */
  readonly bufferBytes: number;
  /** Of any body. */
  readonly bodyBytes: number;
  /** From the beginning of a connection or of a request to the end of the head. */
  readonly headTimeoutMs: number;
  /** From the beginning of a request to the end of its body. */
  readonly receiveTimeoutMs: number;
  /** In which a body that is waited for has to come on by `PROGRESS_BYTES` of `@keybearer/wire`. */
  readonly bodyTimeoutMs: number;
  /** In which a client has to take something of an answer that waits for it. */
  readonly sendTimeoutMs: number;
  /** Between two requests. */
  readonly idleTimeoutMs: number;
  /** After which a connection ends with its next answer. */
  readonly connectionDurationMs: number;
  /** How long a TLS handshake may take. */
  readonly handshakeTimeoutMs: number;
  readonly keepAlive: TcpKeepAlive | "off";
  readonly connections: number;
  /** Of one IPv4 address, or one IPv6 network of 64 bits. */
  readonly connectionsPerClient: number;
  /** Under way at once. */
  readonly requests: number;
}

export interface TcpKeepAlive {
  /** Without a word, before the first probe. */
  readonly idleMs: number;
  readonly intervalMs: number;
  /** Probes without an answer, before the connection is given up. */
  readonly probes: number;
}

export const frontendLimits: FrontendLimits = {
  headBytes: 64 * 1024,
  headers: 1000,
  // RFC 9112 section 3 asks for 8000 at least.
  targetBytes: 16 * 1024,
  // agentgateway's later default for LLM routes.
  bufferBytes: 32 * 1024 * 1024,
  bodyBytes: Infinity,
  headTimeoutMs: 60_000,
  // The body may be a long recording over a slow line.
  receiveTimeoutMs: 600_000,
  bodyTimeoutMs: 60_000,
  sendTimeoutMs: 60_000,
  // A load balancer's idle time is most often 60 s; ours is longer, so that it is the one who closes.
  idleTimeoutMs: 75_000,
  connectionDurationMs: Infinity,
  handshakeTimeoutMs: 10_000,
  keepAlive: { idleMs: 180_000, intervalMs: 180_000, probes: 9 },
  connections: 10_000,
  connectionsPerClient: Infinity,
  requests: 4096,
};

/** What a definition says of them; undefined: the default. */
export type FrontendDefinition = { readonly [Limit in keyof FrontendLimits]?: FrontendLimits[Limit] | undefined };

export function compileLimits(given: FrontendDefinition = {}): FrontendLimits {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...frontendLimits, ...Object.fromEntries(said) };
}

/** What bites, as the observer is told: the code of the error where the client is told, too. */
export type LimitName =
  | "malformed_request"
  | "head_too_large"
  | "target_too_long"
  | "request_too_large"
  | "request_too_slow"
  | "request_timeout"
  | "keys_busy"
  | "overloaded"
  | "connections"
  | "connections_per_client"
  | "connection_idle"
  | "connection_duration"
  | "client_not_reading"
  | "replay_budget"
  | "body_budget";

const LIMIT_OF: Partial<Record<ProxyErrorCode, LimitName>> = {
  invalid_request: "malformed_request",
  version_not_supported: "malformed_request",
  method_not_supported: "malformed_request",
  method_unknown: "malformed_request",
  head_too_large: "head_too_large",
  target_too_long: "target_too_long",
  request_too_large: "request_too_large",
  request_too_slow: "request_too_slow",
  request_timeout: "request_timeout",
  keys_busy: "keys_busy",
};

/** The limit that an error tells of; undefined: it tells of none, or whoever threw it has counted it. */
export function limitOf(code: ProxyErrorCode): LimitName | undefined {
  return LIMIT_OF[code];
}
