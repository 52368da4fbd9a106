/** One attempt at an upstream: sends the request, waits for the head of the answer, hands on its body at the reader's pace. */
import type { Dispatcher } from "undici";
import { HeaderList } from "@keybearer/providers";
import { ProxyError, type ProxyErrorCode } from "./errors.ts";
import type { Timeout } from "./exchange.ts";
import type { PoolHandler } from "./upstream/queue.ts";
import type { UpstreamDispatcher } from "./upstreams.ts";

/** More than a provider has to say while a request of ten minutes is under way. */
const MAX_INFORMATIONAL = 100;

/** Most answers come whole with their head, and are read before the socket is again: to stop it would cost more. */
const EARLY_BYTES = 64 * 1024;

export interface UpstreamRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /** Until the answer begins: a stream with its head, anything else with its first byte. Undefined: the dispatcher's own limit. */
  readonly timeout: Timeout | undefined;
  /** A connection that was kept has failed it: where there is a choice, not another one of those. */
  readonly isWary: boolean;
}

export interface AnswerSink {
  /** False: no more until `resume`. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  error(error: ProxyError): void;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  /** Takes the body, what has already come included. Once. */
  attach(sink: AnswerSink): void;
  resume(): void;
}

/** An attempt in flight. */
export interface Attempt {
  /** Rejects with ProxyError when there is no head. */
  readonly answer: Promise<UpstreamAnswer>;
  /** Gives up: the connection is closed, the socket never used again. */
  abort(reason: ProxyError): void;
}

export function dispatch(dispatcher: UpstreamDispatcher, request: UpstreamRequest): Attempt {
  const call = new Call(request);
  try {
    dispatcher.dispatch(
      {
        path: request.path,
        method: request.method,
        headers: request.headers as string[],
        // undici also takes an async iterable; its types name Readable alone.
        body: request.body as Uint8Array | null,
      },
      call,
    );
  } catch (cause) {
    call.fail(cause);
  }
  return call;
}

class Call implements PoolHandler, Attempt, UpstreamAnswer {
  readonly readsRawHeaders = true;
  readonly #answered = Promise.withResolvers<UpstreamAnswer>();
  status = 0;
  headers = new HeaderList();
  #controller: Dispatcher.DispatchController | undefined;
  #sink: AnswerSink | undefined;
  /** What came between the head and `attach`. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #ended = false;
  #informational = 0;
  #leaveQueue: (() => void) | undefined;
  #isReused = false;
  #isAnswered = false;
  #failure: ProxyError | undefined;
  #timer: NodeJS.Timeout | undefined;

  readonly isWary: boolean;

  constructor({ timeout, isWary }: UpstreamRequest) {
    this.isWary = isWary;
    if (timeout) this.#timer = setTimeout(() => this.abort(timeout.error), timeout.ms);
  }

  get answer(): Promise<UpstreamAnswer> {
    return this.#answered.promise;
  }

  onQueued(leave: () => void): void {
    this.#leaveQueue = leave;
  }

  onReused(): void {
    this.#isReused = true;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(this.#failure);
  }

  /** With the first bytes of the answer. */
  onResponseStarted(): void {
    this.#isAnswered = true;
  }

  /** Informational answers end here (RFC 9110 section 15.2): no client of an LLM API looks at them. */
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const headers = HeaderList.from(textHeaders(controller.rawHeaders));
    const fault = this.#faultOf(status, headers);
    if (fault !== undefined) controller.abort(new ProxyError("upstream_invalid_response", fault));
    if (fault !== undefined || status < 200) return;
    if (isEventStream(headers)) clearTimeout(this.#timer);
    this.status = status;
    this.headers = headers;
    this.#answered.resolve(this);
  }

  /** What undici lets pass, and would mean something else to whoever reads it after us. */
  #faultOf(status: number, headers: HeaderList): string | undefined {
    if (status < 100 || status > 599) return "The provider's answer has a status that is none.";
    if (status === 101) return "The provider switches protocols, which nobody asked for.";
    if (status < 200 && ++this.#informational > MAX_INFORMATIONAL)
      return "The provider sends informational answers without end.";
    const codings = headers.values("transfer-encoding");
    if (codings.length > 1 || (codings[0] ?? "chunked").toLowerCase() !== "chunked")
      return "The provider's answer has a transfer coding other than chunked.";
    if (Number(headers.get("content-length") ?? 0) > Number.MAX_SAFE_INTEGER)
      return "The provider's answer is longer than can be counted.";
    return undefined;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    clearTimeout(this.#timer);
    if (!this.#sink) {
      this.#early.push(chunk);
      this.#earlyBytes += chunk.length;
      if (this.#earlyBytes > EARLY_BYTES) controller.pause();
    } else if (!this.#sink.data(chunk)) {
      controller.pause();
    }
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.#sink?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, cause: Error): void {
    const isUnsent = this.#controller === undefined;
    const isSilent = this.#isReused && !this.#isAnswered;
    this.#fail(ProxyError.is(cause) ? cause : explain(cause, { isUnsent, isSilent }));
  }

  attach(sink: AnswerSink): void {
    this.#sink = sink;
    let goOn = true;
    for (const chunk of this.#early) goOn = sink.data(chunk);
    this.#early = [];
    if (this.#failure) sink.error(this.#failure);
    else if (this.#ended) sink.end();
    else if (goOn) this.resume();
  }

  resume(): void {
    this.#controller?.resume();
  }

  /** Before it was sent: a fault of ours, which whoever waits for the answer reports. */
  fail(cause: unknown): void {
    clearTimeout(this.#timer);
    this.#answered.reject(cause);
  }

  abort(reason: ProxyError): void {
    if (this.#ended) return;
    this.#leaveQueue?.();
    this.#controller?.abort(reason);
    // Not every abort is reported back: before a connection stands there is nobody to report it.
    this.#fail(reason);
  }

  #fail(error: ProxyError): void {
    if (this.#failure || this.#ended) return;
    clearTimeout(this.#timer);
    this.#failure = error;
    if (this.status === 0) this.#answered.reject(error);
    else this.#sink?.error(error);
  }
}

export function isEventStream(headers: HeaderList): boolean {
  return /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
}

/** Of undici they are bytes, of others text. */
function textHeaders(raw: Dispatcher.DispatchController["rawHeaders"]): readonly string[] {
  if (!Array.isArray(raw)) return [];
  return isText(raw)
    ? raw
    : raw.map((item: unknown) => (Buffer.isBuffer(item) ? item.toString("latin1") : String(item)));
}

function isText(raw: readonly unknown[]): raw is readonly string[] {
  return typeof raw[0] === "string";
}

const explanations: Readonly<Record<string, readonly [ProxyErrorCode, string]>> = {
  UND_ERR_CONNECT_TIMEOUT: ["upstream_timeout", "No connection to the provider in time."],
  ETIMEDOUT: ["upstream_timeout", "No connection to the provider in time."],
  UND_ERR_HEADERS_TIMEOUT: ["upstream_timeout", "The provider did not begin to answer in time."],
  UND_ERR_BODY_TIMEOUT: ["upstream_timeout", "The provider fell silent in the middle of its answer."],
  UND_ERR_SOCKET: ["upstream_closed", "The provider closed the connection before its answer was complete."],
  ECONNRESET: ["upstream_closed", "The provider reset the connection."],
  EPIPE: ["upstream_closed", "The provider closed the connection before the request was sent."],
  UND_ERR_HEADERS_OVERFLOW: ["upstream_invalid_response", "The provider's answer has a head that is too large."],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: [
    "upstream_invalid_response",
    "The provider's answer has not the length that it announced.",
  ],
  UND_ERR_DESTROYED: ["upstream_unreachable", "The gateway is stopping."],
};

/** An error of undici or the system in words that name no address: the log has the cause. */
function explain(
  cause: Error & { code?: string },
  { isUnsent, isSilent }: { readonly isUnsent: boolean; readonly isSilent: boolean },
): ProxyError {
  const code = cause.code ?? "";
  // undici names its parser's errors, and gives a code to some of them only.
  const known = explanations[code] ?? (cause.name === "HTTPParserError" ? PARSE_FAILURE : UNREACHABLE);
  const isStale = !isUnsent && isSilent && known[0] === "upstream_closed";
  return new ProxyError(known[0], known[1], { cause, isUnsent, isStale });
}

const PARSE_FAILURE = ["upstream_invalid_response", "The provider's answer is not valid HTTP/1.1."] as const;
const UNREACHABLE = ["upstream_unreachable", "The provider cannot be reached."] as const;
