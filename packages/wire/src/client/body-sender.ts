/** Sends a request body that comes bit by bit, no faster than the socket takes it. */
import type { Socket } from "node:net";
import type { SharedBuffers } from "../io/shared-buffers.ts";
import { invalidArgument } from "./errors.ts";
import type { BodySource, Exchange } from "./exchange.ts";
import { bytesOf } from "./request-body.ts";
import { framing, lengthMismatch } from "./request-text.ts";

export interface SenderOptions {
  readonly socket: Socket;
  readonly buffers: SharedBuffers;
  readonly exchange: Exchange;
  readonly source: BodySource;
  /** Something was written. */
  readonly progressed: () => void;
  readonly sent: () => void;
  /** The source has failed, or gave other than it should. */
  readonly failed: (error: Error) => void;
}

export class BodySender {
  readonly #options: SenderOptions;
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #sentBytes = 0;
  #isOver = false;
  #drained: (() => void) | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { source } = options;
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    void this.#send();
  }

  /** The socket takes more. */
  drained(): void {
    this.#drained?.();
    this.#drained = undefined;
  }

  /** Nothing more of it is wanted: neither read nor written. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { source } = this.#options;
    // A stream that is waited for hears of nothing else.
    if ("destroy" in source && typeof source.destroy === "function") source.destroy();
    else void this.#leave();
    this.drained();
  }

  async #leave(): Promise<void> {
    try {
      await this.#iterator.return?.();
    } catch {
      // It was told, and nobody asks any more.
    }
  }

  async #send(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#iterator.next();
        if (this.#isOver) return;
        if (done) break;
        if (!this.#write(value)) await new Promise<void>((resolve) => (this.#drained = resolve));
        if (this.#isOver) return;
      }
      this.#end();
    } catch (error) {
      if (this.#isOver) return;
      this.stop();
      this.#options.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** False: no more until the socket has drained. */
  #write(given: unknown): boolean {
    const { socket, buffers, exchange, progressed } = this.#options;
    const chunk = bytesOf(given);
    if (!chunk) throw invalidArgument("a chunk of the body is neither bytes nor a string");
    if (chunk.length === 0) return true;
    const { contentLength } = exchange;
    const isFirst = this.#sentBytes === 0;
    this.#sentBytes += chunk.length;
    if (contentLength !== -1 && this.#sentBytes > contentLength) throw lengthMismatch();
    const head = isFirst ? exchange.text + framing(exchange, contentLength) : "";
    const goOn =
      contentLength === -1
        ? buffers.write(socket, [`${head}${chunk.length.toString(16)}\r\n`, chunk, "\r\n"])
        : buffers.write(socket, [head, chunk]);
    progressed();
    exchange.handler.onBodySent?.(asBuffer(chunk));
    return goOn;
  }

  #end(): void {
    const { socket, exchange, progressed, sent } = this.#options;
    const { contentLength } = exchange;
    if (contentLength !== -1 && contentLength !== this.#sentBytes) throw lengthMismatch();
    if (this.#sentBytes === 0) socket.write(exchange.text + framing(exchange, 0), "latin1");
    else if (contentLength === -1) socket.write("0\r\n\r\n", "latin1");
    this.#isOver = true;
    progressed();
    sent();
  }
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
