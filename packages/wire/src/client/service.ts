/** Serves one request at a time on a socket: writes it, reads its answer, at the pace of both sides. */
import type { Socket } from "node:net";
import type { SharedBuffers } from "../io/shared-buffers.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import { AnswerReader } from "./answer-reader.ts";
import { asBuffer, BodySender } from "./body-sender.ts";
import { ClientError } from "./errors.ts";
import type { BodySource, Exchange } from "./exchange.ts";
import { framing } from "./request-text.ts";
import { Silence } from "./silence.ts";

export interface ServiceOptions {
  readonly socket: Socket;
  readonly buffers: SharedBuffers;
  readonly headLimits: HeadLimits;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** All of the answer has come. Not clean: the socket must not be used again. */
  readonly completed: (exchange: Exchange, isClean: boolean, keepAliveMs: number | undefined) => void;
  readonly failed: (error: unknown) => void;
}

const NOTHING = Buffer.alloc(0);

export class Service {
  readonly #options: ServiceOptions;
  readonly #silence = new Silence();
  readonly #reader: AnswerReader;
  #exchange: Exchange | undefined;
  #sender: BodySender | undefined;
  /** Came while whoever reads the answer wanted nothing. */
  #held = NOTHING;
  #isReading = false;
  #hasEnded = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#reader = new AnswerReader(options.headLimits, this.#silence);
  }

  /** May throw what the handler throws. */
  begin(exchange: Exchange): void {
    const { socket, buffers } = this.#options;
    const { handler, text, body } = exchange;
    this.#exchange = exchange;
    this.#silence.broken();
    this.#reader.begin(exchange);
    if (exchange.paused) socket.pause();
    if (body !== null && !(body instanceof Uint8Array)) {
      this.#send(exchange, body);
      return;
    }
    if (body === null) {
      socket.write(text + framing(exchange, 0), "latin1");
    } else {
      buffers.write(socket, [text + framing(exchange, body.length), body]);
      exchange.body = null;
      handler.onBodySent?.(asBuffer(body));
    }
    handler.onRequestSent?.();
  }

  received(bytes: Buffer, length: number): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    if (exchange.paused || this.#held.length > 0) this.#held = Buffer.concat([this.#held, bytes.subarray(0, length)]);
    else this.#read(exchange, bytes, length);
  }

  /** The upstream says no more. */
  ended(): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    this.#hasEnded = true;
    if (!exchange.paused && this.#held.length === 0) this.#conclude(exchange);
  }

  /** There is something that has yet to be read, though the socket has nothing more to say. */
  get outlivesSocket(): boolean {
    return this.#hasEnded && this.#exchange !== undefined;
  }

  pause(): void {
    this.#options.socket.pause();
  }

  resume(): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    this.#silence.broken();
    if (!this.#hasEnded) this.#options.socket.resume();
    if (this.#isReading) return;
    const held = this.#held;
    this.#held = NOTHING;
    this.#read(exchange, held, held.length);
    if (this.#hasEnded && exchange === this.#exchange && !exchange.paused) this.#conclude(exchange);
  }

  drained(): void {
    this.#sender?.drained();
  }

  /** Drops what is under way: nobody is told. */
  stop(): void {
    const sender = this.#sender;
    this.#exchange = this.#sender = undefined;
    this.#held = NOTHING;
    this.#reader.drop();
    sender?.stop();
  }

  /** Undefined: nothing is overdue. */
  overdue(now: number): ClientError | undefined {
    const exchange = this.#exchange;
    if (!exchange) return undefined;
    const { headersTimeoutMs, bodyTimeoutMs, socket } = this.#options;
    const { headersTimeout, bodyTimeout } = exchange.request;
    const { isInHead } = this.#reader;
    const waitsForBody = isInHead && this.#sender !== undefined && !socket.writableNeedDrain;
    const limitMs = isInHead ? (headersTimeout ?? headersTimeoutMs) : (bodyTimeout ?? bodyTimeoutMs);
    // Then it is not the upstream that is silent.
    if (exchange.paused || waitsForBody) this.#silence.broken();
    else if (this.#silence.lasts(limitMs, now))
      return isInHead
        ? new ClientError("UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error")
        : new ClientError("UND_ERR_BODY_TIMEOUT", "Body Timeout Error");
    return undefined;
  }

  #read(exchange: Exchange, bytes: Buffer, length: number): void {
    let read: number;
    this.#isReading = true;
    try {
      read = this.#reader.read(bytes, 0, length);
    } catch (error) {
      this.#options.failed(error);
      return;
    } finally {
      this.#isReading = false;
    }
    if (exchange !== this.#exchange) return;
    // Who refuses a request and closes reads no more of it (RFC 9112 section 9.5); to write on might cost the answer.
    if (this.#sender && this.#reader.hasRefused) this.#sender.stop();
    if (this.#reader.isWhole && !exchange.paused) this.#complete(exchange, read === length);
    else if (read < length) this.#held = Buffer.from(bytes.subarray(read, length));
  }

  #conclude(exchange: Exchange): void {
    const error = this.#reader.end();
    if (error) this.#options.failed(error);
    else this.#complete(exchange, false);
  }

  #complete(exchange: Exchange, isClean: boolean): void {
    const { keeps, keepAliveMs } = this.#reader;
    const isSent = this.#sender === undefined;
    this.stop();
    this.#options.completed(exchange, isClean && isSent && keeps && !this.#hasEnded, keepAliveMs);
  }

  #send(exchange: Exchange, source: BodySource): void {
    const { socket, buffers, failed } = this.#options;
    this.#sender = new BodySender({
      socket,
      buffers,
      exchange,
      source,
      progressed: () => this.#silence.broken(),
      sent: () => {
        this.#sender = undefined;
        exchange.handler.onRequestSent?.();
      },
      failed,
    });
  }
}
