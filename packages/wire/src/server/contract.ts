/** What a server connection is given, and what it asks of whoever serves the requests on it. */
import type { SharedBuffers } from "../io/shared-buffers.ts";
import type { WireErrorCode } from "../errors.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import type { ServerConnection } from "./server-connection.ts";
import type { ServerExchange } from "./server-exchange.ts";

/** How long a client may take. Looked at whenever `check` is called, so that each may be longer by twice the time between. */
export interface ServerLimits extends HeadLimits {
  /** From the beginning of a connection or of a request to the end of the head. */
  readonly headTimeoutMs: number;
  /** From the beginning of a request to the end of its body. */
  readonly receiveTimeoutMs: number;
  /** In which a body that is waited for has to come on by `PROGRESS_BYTES`. */
  readonly bodyTimeoutMs: number;
  /** In which a client has to take something of an answer that waits for it. */
  readonly sendTimeoutMs: number;
  /** Between two requests. */
  readonly idleTimeoutMs: number;
  /** After which a connection ends with its next answer. */
  readonly connectionDurationMs: number;
}

/** In a time like `bodyTimeoutMs`: a client that sends less holds a connection for nothing. */
export const PROGRESS_BYTES = 1024;

/** What ends a connection without a word. */
export type ServerLimit = "connection_idle" | "connection_duration" | "client_not_reading";

/** What a text about a failure may say. */
export interface FailureFacts {
  /** Of a body that is too large; undefined: it cannot be counted. */
  readonly limitBytes?: number;
  /** Of a client that does not read. */
  readonly timeoutMs?: number;
  readonly cause?: unknown;
}

/** The answer to what never became a request, or will not be one. */
export interface Refusal {
  readonly status: number;
  /** Lower-case name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** One for all connections of a port. `Failure` is what the users of exchanges get to see. */
export interface ServerOwner<Tls, Failure extends Error> {
  readonly buffers: SharedBuffers;
  /** Reads by "data" events where shared memory could be read into. For tests. */
  readonly readsByEvents?: boolean;
  /** As they are now. */
  readonly limits: ServerLimits;
  /** Must not throw. The body is there as far as it came with the head. */
  handle(exchange: ServerExchange<Tls, Failure>): void;
  failure(code: WireErrorCode, facts: FailureFacts): Failure;
  refusal(failure: Failure): Refusal;
  /** A client is told so, and no exchange is. */
  refused(failure: Failure): void;
  limited(limit: ServerLimit): void;
  closed(connection: ServerConnection<Tls, Failure>): void;
}
