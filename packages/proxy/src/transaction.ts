/** One request on its way through: what each step learnt, for the steps after it and for the record at the end. */
import { randomUUID } from "node:crypto";
import type { Call, Dialect, EditedBody, HeaderList, Usage } from "@keybearer/providers";
import type { BodyReserve } from "./body-reserve.ts";
import type { ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { FrontendLimits } from "./limits.ts";
import type { AttemptFacts, KeyFacts, RequestReason, RequestRecord } from "./observer.ts";
import type { Target } from "./target.ts";

const NOTHING = Buffer.alloc(0);
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export class Transaction {
  readonly exchange: Exchange;
  readonly bind: string;
  readonly limits: FrontendLimits;
  readonly startedAt = Date.now();
  /** The client's headers; what a policy consumes is taken out. */
  readonly headers: HeaderList;
  readonly requestId: string;
  readonly #start = performance.now();

  target: Target | undefined;
  listener: string | undefined;
  route: string | undefined;
  /** Headers that go onto any answer of this request: CORS. */
  answerHeaders: readonly string[] = [];
  /** The route has a `cors` policy: the upstream's word on CORS does not count. */
  ownsCors = false;
  caller: Readonly<Record<string, unknown>> | undefined;
  dialect: Dialect | undefined;
  call: Call | undefined;
  body: EditedBody | undefined;
  /** Memory for its body, where that is read whole. */
  reserve: BodyReserve | undefined;
  backend: string | undefined;
  endpoint: string | undefined;
  /** `openai`. */
  system: string | undefined;
  /** The model that was written into the body. */
  configuredModel: string | undefined;
  key: KeyFacts | undefined;
  readonly attempts: AttemptFacts[] = [];
  /** How often it was sent again because a provider had failed it; another key is another matter. */
  retries = 0;
  usage: Usage | undefined;
  responseModel: string | undefined;
  /** The answer is an event stream. */
  streaming = false;
  status = 0;
  reason: RequestReason | undefined;
  error: ProxyError | undefined;
  #firstByteMs: number | undefined;

  constructor(exchange: Exchange, bind: string, limits: FrontendLimits, headers: HeaderList) {
    this.exchange = exchange;
    this.bind = bind;
    this.limits = limits;
    this.headers = headers;
    const given = headers.get("x-request-id");
    this.requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
  }

  elapsedMs(): number {
    return performance.now() - this.#start;
  }

  firstByte(): void {
    this.#firstByteMs ??= this.elapsedMs();
  }

  /** No attempt will follow: a long answer need not hold a long question. */
  forgetBody(): void {
    if (this.reserve?.release() === true && this.body) this.body = { ...this.body, bytes: NOTHING };
  }

  fail(error: ProxyError): void {
    this.error = error;
    this.reason = error.reason;
  }

  record(): RequestRecord {
    const { exchange, target, call, body, usage } = this;
    return {
      requestId: this.requestId,
      startedAt: this.startedAt,
      durationMs: this.elapsedMs(),
      bind: this.bind,
      listener: this.listener,
      route: this.route,
      backend: this.backend,
      endpoint: this.endpoint,
      clientAddress: exchange.clientAddress,
      method: exchange.head.method,
      host: target?.host,
      path: target?.path ?? pathOnly(exchange.head.target),
      httpVersion: `HTTP/${exchange.head.httpVersion}`,
      status: this.status,
      protocol: call ? "llm" : "http",
      reason: this.reason,
      errorCode: this.error?.code,
      error: this.error?.message,
      requestBytes: exchange.receivedBytes,
      responseBytes: exchange.sentBytes,
      key: this.key,
      attempts: this.attempts.length > 0 ? this.attempts : undefined,
      retries: this.retries,
      caller: this.caller,
      llm:
        call && this.system !== undefined
          ? {
              operation: call.operation,
              system: this.system,
              requestModel: this.configuredModel ?? body?.requestedModel,
              responseModel: this.responseModel,
              stream: body?.stream ?? this.streaming,
              inputTokens: usage?.inputTokens,
              outputTokens: usage?.outputTokens,
              cachedInputTokens: usage?.cachedInputTokens,
              reasoningTokens: usage?.reasoningTokens,
              timeToFirstByteMs: this.#firstByteMs,
            }
          : undefined,
    };
  }
}

/** A target that could not be read may still hold a key in its query. */
function pathOnly(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}
