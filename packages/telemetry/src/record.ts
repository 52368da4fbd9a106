/** What is told of one request when it has ended. The proxy's own record has the same shape; neither package imports the other. */

/** Names are resolved, values are plain; no secret is among them. */
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
  readonly status: number;
  readonly protocol: "http" | "llm";
  /** Undefined when the upstream answered. */
  readonly reason: string | undefined;
  readonly errorCode: string | undefined;
  readonly error: string | undefined;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly key: KeyFacts | undefined;
  readonly attempts?: readonly AttemptFacts[] | undefined;
  /** How often it was sent again because a provider had failed it. */
  readonly retries?: number | undefined;
  readonly llm: LlmFacts | undefined;
  /** Metadata of the client key that was accepted. */
  readonly caller: Readonly<Record<string, unknown>> | undefined;
}

/** Which key served: never its value. */
export interface KeyFacts {
  readonly name: string;
  readonly source: string;
  readonly fingerprint: string;
}

/** An attempt that the provider refused, or that failed and was followed by another. */
export interface AttemptFacts {
  readonly key: string;
  readonly outcome: string;
  readonly rule: string;
  readonly status: number;
  readonly waitMs: number | undefined;
}

export interface LlmFacts {
  readonly operation: string;
  /** `openai`. */
  readonly system: string;
  readonly requestModel: string | undefined;
  readonly responseModel: string | undefined;
  readonly stream: boolean;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedInputTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
  readonly timeToFirstByteMs: number | undefined;
}
