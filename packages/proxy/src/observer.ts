/** What the road tells whoever watches it. Telemetry has this shape; the road knows no log format and no metrics library. */

/** Everything known of one request when it has ended. Names are resolved, values are plain; no secret is among them. */
export interface RequestRecord {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** `bind/3000`. */
  readonly bind: string;
  readonly listener: string | undefined;
  readonly route: string | undefined;
  readonly backend: string | undefined;
  /** `host:port` of the upstream. */
  readonly endpoint: string | undefined;
  /** `address:port` of the client. */
  readonly clientAddress: string;
  readonly method: string;
  readonly host: string | undefined;
  /** Without the query. */
  readonly path: string;
  readonly httpVersion: string;
  /** 499 when the client left before an answer began. */
  readonly status: number;
  /** Whether it was taken for an LLM call. */
  readonly protocol: "http" | "llm";
  /** agentgateway's reason word; undefined when the upstream answered. */
  readonly reason: RequestReason | undefined;
  /** The stable code of an error that Keybearer answered or met; undefined when there was none. */
  readonly errorCode: string | undefined;
  readonly error: string | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly key: KeyFacts | undefined;
  /** The keys that were tried before the one that served, or all when none did. */
  readonly attempts: readonly AttemptFacts[] | undefined;
  /** How often it was sent again because a provider had failed it. */
  readonly retries: number;
  readonly llm: LlmFacts | undefined;
  /** Metadata of the client key that was accepted. */
  readonly caller: Readonly<Record<string, unknown>> | undefined;
}

/** agentgateway's words, in its metrics and its log. */
export type RequestReason =
  | "DirectResponse"
  | "NotFound"
  | "NoHealthyBackend"
  | "Internal"
  | "InvalidRequest"
  | "APIKeyAuth"
  | "Authorization"
  | "Timeout"
  | "RateLimit"
  | "UpstreamFailure"
  | "ClientClosed";

/** Which key served: never its value. */
export interface KeyFacts {
  readonly name: string;
  readonly source: string;
  readonly fingerprint: string;
}

/** An attempt that the provider refused, or that failed and was followed by another. */
export interface AttemptFacts {
  readonly key: string;
  /** The class of the refusal: `keyInvalid`, `limited`; `network` where there was no answer. */
  readonly outcome: string;
  /** The rule that told; where there was no answer, the code of the error. */
  readonly rule: string;
  readonly status: number;
  readonly waitMs: number | undefined;
}

export interface LlmFacts {
  readonly operation: string;
  /** `openai`. */
  readonly system: string;
  /** The model that was sent to the provider, else the one that the client asked for. */
  readonly requestModel: string | undefined;
  readonly responseModel: string | undefined;
  readonly stream: boolean;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedInputTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
  readonly timeToFirstByteMs: number | undefined;
}

/** Called on the request path: must not throw, must not block. */
export interface Observer {
  finished(record: RequestRecord): void;
  connectionOpened(bind: string): void;
  connectionClosed(bind: string): void;
  /** A client that did not come so far as to have a connection. */
  handshakeFailed(bind: string): void;
  /** A limit was reached; `limit` is its name, one of a fixed few: `upstream_queue_full`. */
  limited(limit: string): void;
  /** For an operator who hunts a fault; called only when `debugEnabled`. */
  debug(message: string, facts: Readonly<Record<string, unknown>>): void;
  readonly debugEnabled: boolean;
  /** A fault inside Keybearer itself, or of the system below it; `requestId` is empty where it is no request's. */
  fault(error: unknown, requestId: string): void;
}
