/** Reads the answer to one request after the other, and tells their handlers (RFC 9112 sections 6.3 and 9). */
import { BodyDecoder, type TakeContent } from "../syntax/body-decoder.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import { ResponseHead } from "../syntax/response-head.ts";
import { ClientError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { headersObject, keepAliveTimeoutMs, noHeaders } from "./response-headers.ts";
import type { Silence } from "./silence.ts";

const SWITCHING_PROTOCOLS = 101;

export class AnswerReader implements TakeContent {
  /** The connection may be used again after this answer. */
  keeps = false;
  /** What the upstream has said of that. */
  keepAliveMs: number | undefined;
  readonly #limits: HeadLimits;
  readonly #silence: Silence;
  readonly #head = new ResponseHead();
  readonly #body = new BodyDecoder();
  #exchange: Exchange | undefined;
  #isInHead = false;
  #hasStarted = false;
  /** Content of the bytes that are being read, moved together. */
  #from = 0;
  #to = 0;

  constructor(limits: HeadLimits, silence: Silence) {
    this.#limits = limits;
    this.#silence = silence;
  }

  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#isInHead = true;
    this.#hasStarted = this.keeps = false;
  }

  /** Whoever waited for it is told nothing more. */
  drop(): void {
    this.#exchange = undefined;
  }

  /** The upstream answers with an error, and says that it closes behind it. */
  get hasRefused(): boolean {
    return !this.#isInHead && this.#head.status >= 400 && this.#head.closes;
  }

  get isInHead(): boolean {
    return this.#isInHead;
  }

  /** The last byte of the answer has been read. */
  get isWhole(): boolean {
    return !this.#isInHead && this.#body.isWhole;
  }

  /**
   * Reads bytes[start..end), which may be changed by it. Returns the offset from which on nothing was read: the answer is
   * whole, was given up, or its reader has stopped it. Throws what the handler throws, and WireError or ClientError.
   */
  read(bytes: Buffer, start: number, end: number): number {
    const exchange = this.#exchange;
    if (!exchange) return end;
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      exchange.handler.onResponseStarted?.();
    }
    let at = start;
    while (this.#isInHead) {
      if (at === end || this.#exchange !== exchange) return at;
      at = this.#head.read(bytes, at, end, this.#limits);
      if (at === -1) return end;
      this.#tellHead(exchange);
    }
    return exchange.paused || this.#exchange !== exchange ? at : this.#readBody(exchange, bytes, at, end);
  }

  /** The upstream says no more. Undefined: that was the end of the answer. */
  end(): ClientError | undefined {
    if (this.#isInHead || this.keeps) return new ClientError("UND_ERR_SOCKET", "other side closed");
    if (this.#head.isChunked) return new ClientError("HPE_STRICT", "the connection ended within a chunked body");
    if (this.#head.contentLength === -1) return undefined;
    const message = "Response body length does not match content-length header";
    return new ClientError("UND_ERR_RES_CONTENT_LENGTH_MISMATCH", message);
  }

  content(bytes: Buffer, from: number, to: number): void {
    if (this.#from === this.#to) {
      this.#from = from;
      this.#to = to;
    } else {
      // What stood between them has been read.
      bytes.copyWithin(this.#to, from, to);
      this.#to += to - from;
    }
  }

  #tellHead(exchange: Exchange): void {
    const { status, reason, headers } = this.#head;
    if (status === SWITCHING_PROTOCOLS) throw new ClientError("UND_ERR_SOCKET", "bad upgrade");
    // What is only announced is waited for as before.
    if (status >= 200) {
      this.#silence.broken();
      this.#beginBody(exchange, status);
    }
    const { handler } = exchange;
    exchange.rawHeaders = headers;
    const given = handler.readsRawHeaders === true ? noHeaders : headersObject(headers);
    handler.onResponseStart?.(exchange, status, given, reason);
  }

  #beginBody({ request, closes }: Exchange, status: number): void {
    const head = this.#head;
    const isBodiless = status === 204 || status === 304;
    const isSized = head.isChunked || head.contentLength !== -1;
    this.#isInHead = false;
    this.keepAliveMs = keepAliveTimeoutMs(head.headers);
    this.keeps = !head.closes && !closes;
    if (request.method === "HEAD" || isBodiless) {
      // Whoever speaks of a body there may send one.
      if (isBodiless && (head.isChunked || head.contentLength > 0)) this.keeps = false;
      this.#body.begin("none");
    } else if (head.isChunked) this.#body.begin("chunked");
    else if (head.contentLength !== -1) this.#body.begin("length", head.contentLength);
    else this.#body.begin("close");
    if (!isSized && !isBodiless) this.keeps = false;
  }

  #readBody(exchange: Exchange, bytes: Buffer, start: number, end: number): number {
    this.#from = this.#to = 0;
    this.#silence.broken();
    try {
      return this.#body.decode(bytes, start, end, this);
    } finally {
      // Also what came before a fault.
      const length = this.#to - this.#from;
      if (length > 0) exchange.handler.onResponseData?.(exchange, copy(bytes, this.#from, length));
    }
  }
}

function copy(bytes: Buffer, from: number, length: number): Buffer {
  const own = Buffer.allocUnsafe(length);
  bytes.copy(own, 0, from, from + length);
  return own;
}
