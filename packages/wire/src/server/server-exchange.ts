/** One request on a server connection, and the way to answer it. Once it is over, all that it is told counts for nothing. */
import type { FailureFacts } from "./contract.ts";
import type { WireErrorCode } from "../errors.ts";
import type { RequestHead } from "../syntax/request-head.ts";
import type { AnswerWriter } from "./answer-writer.ts";
import { RequestBody, type BodyReading } from "./request-body.ts";

/** As it was sent; nothing is decoded or normalised. */
export interface ServerRequestHead {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** `1.1`. */
  readonly httpVersion: "1.0" | "1.1";
}

/** The connection, for as long as it is this exchange's turn. */
export interface ExchangeLine<Tls, Failure extends Error> {
  readonly clientAddress: string;
  readonly tls: Tls | undefined;
  readonly answer: AnswerWriter;
  readonly idleTimeoutMs: number;
  failure(code: WireErrorCode, facts?: FailureFacts): Failure;
  /** Someone waits for the body, or has taken some. */
  wantBody(body: RequestBody): void;
  /** The answer is whole. */
  ended(): void;
  /** The answer will not be whole. `resets`: a plain end would look like one. */
  broken(lastWords: Uint8Array | undefined, resets: boolean): void;
}

const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

/** Methods that are not for the connection are for whoever serves the request. */
export class ServerExchange<Tls, Failure extends Error> {
  readonly head: ServerRequestHead;
  /** `address:port`. */
  readonly clientAddress: string;
  /** Undefined: the connection is in clear text. */
  readonly tls: Tls | undefined;
  /** Of the request; undefined: it has none. */
  readonly incoming: RequestBody | undefined;
  headSent = false;
  /** Of the answer's body. */
  sentBytes = 0;
  #line: ExchangeLine<Tls, Failure> | undefined;
  /** Of the request's, where it is known; else -1. */
  readonly #contentLength: number;
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1). */
  #isExpecting: boolean;
  /** Why nobody waits for the answer any more. */
  #gone: Failure | undefined;
  #goneListener: ((reason: Failure) => void) | undefined;
  #drainListener: (() => void) | undefined;

  constructor(line: ExchangeLine<Tls, Failure>, head: RequestHead) {
    const { method, target, headers, minorVersion, contentLength, isChunked } = head;
    this.#line = line;
    this.head = { method, target, headers, httpVersion: minorVersion === 1 ? "1.1" : "1.0" };
    this.clientAddress = line.clientAddress;
    this.tls = line.tls;
    this.#contentLength = contentLength;
    const hasBody = isChunked || contentLength > 0;
    this.incoming = hasBody ? new RequestBody(line, contentLength) : undefined;
    this.#isExpecting = hasBody && head.expectsContinue;
  }

  get hasBody(): boolean {
    return this.incoming !== undefined;
  }

  /** Of the request's body, given to whoever reads it. */
  get receivedBytes(): number {
    return this.incoming?.receivedBytes ?? 0;
  }

  /**
   * The whole body, at once where it has come with the head. Rejects with the failure WIRE_BODY_TOO_LARGE, WIRE_CLIENT_CLOSED,
   * or the error of the timeout or the reserve.
   */
  readBody(options: BodyReading): Uint8Array | Promise<Uint8Array> {
    const { limitBytes } = options;
    if (this.#gone) return Promise.reject(this.#gone);
    const line = this.#line;
    if (!line || !this.incoming) return new Uint8Array();
    if (this.#contentLength > limitBytes) return Promise.reject(line.failure("WIRE_BODY_TOO_LARGE", { limitBytes }));
    return this.incoming.readWhole(options);
  }

  /** The body as it comes, for one reader, who sets the pace. Instead of `readBody`, not beside it. */
  body(limitBytes: number): AsyncIterable<Uint8Array> {
    return this.incoming?.readPieces(limitBytes) ?? NOTHING;
  }

  /**
   * Calls back, at once if it has happened: nobody waits for the answer any more, or it has to end now (`interrupt` of the
   * connection). Replaces an earlier listener.
   */
  onClientGone(listener: (reason: Failure) => void): void {
    if (this.#gone) listener(this.#gone);
    else this.#goneListener = listener;
  }

  /**
   * Lower-case name, value, name, value; `connection: close` ends the connection with this answer. Date, framing and what
   * becomes of the connection are added. Goes out with the first bytes of the body, or `now`. Throws TypeError for what no
   * header may hold, and nothing is sent.
   */
  sendHead(status: number, headers: readonly string[], now = false): void {
    const line = this.#line;
    if (!line) return;
    if (this.headSent) throw new Error("the head has been sent");
    line.answer.head(status, headers, line.idleTimeoutMs);
    this.headSent = true;
    // Whether its body will come, only the client knows (RFC 9110 section 10.1.1).
    if (this.#isExpecting) line.answer.closes = true;
    if (now) line.answer.flush();
  }

  /** False: wait for `onDrain`. The bytes are the connection's from now on: nobody changes them. */
  write(chunk: Uint8Array): boolean {
    const line = this.#line;
    if (!line) return true;
    if (!this.headSent) throw new Error("a body before its head");
    if (!line.answer.admits(chunk.length)) {
      this.cut();
      return true;
    }
    this.sentBytes += chunk.length;
    return line.answer.write(chunk);
  }

  /** Replaces an earlier listener. */
  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  /** The answer is whole; where its length says that it is not, the connection is cut. */
  end(): void {
    const line = this.#line;
    if (!line) return;
    if (!this.headSent || !line.answer.isWhole) {
      this.cut();
      return;
    }
    this.#line = undefined;
    try {
      line.ended();
    } catch (error) {
      // What could not be written leaves a connection on which nothing can follow.
      line.broken(undefined, false);
      throw error;
    }
  }

  /** Breaks the connection, after some last words, so that the client cannot take what it has for the whole answer. */
  cut(lastWords?: Uint8Array): void {
    const line = this.#line;
    if (!line) return;
    this.#line = undefined;
    this.sentBytes += lastWords?.length ?? 0;
    line.broken(lastWords, this.head.httpVersion === "1.0" && this.headSent);
  }

  /** For the connection: nobody waits for the answer any more. */
  clientGone(reason: Failure): void {
    if (this.#gone) return;
    this.#line = undefined;
    this.#gone = reason;
    this.incoming?.fail(reason);
    this.#goneListener?.(reason);
  }

  /** For the connection: whoever serves it is to end it now, with last words or an answer of its own. */
  interrupt(reason: Failure): void {
    if (!this.#line) return;
    this.incoming?.fail(reason);
    this.#goneListener?.(reason);
  }

  /** For the connection: the client takes more. */
  drained(): void {
    this.#drainListener?.();
  }

  /** For the connection: it is the client's turn, who has to send more of the body. */
  get isAwaited(): boolean {
    return this.incoming?.isAwaited === true && !this.#isExpecting && !this.headSent;
  }

  /** For the connection: someone wants the body. */
  continue(): void {
    if (!this.#isExpecting) return;
    this.#isExpecting = false;
    if (!this.headSent) this.#line?.answer.continue();
  }
}
