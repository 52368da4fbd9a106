/** The answer on its way to the client: byte for byte as it comes, at the client's pace, its usage read in passing. */
import type { AnswerScanner, StreamFilter, UsageScanner } from "@keybearer/providers";
import { answerHead } from "./answer-head.ts";
import type { Backend } from "./backend.ts";
import { isEventStream, type AnswerSink, type UpstreamAnswer } from "./dispatch.ts";
import { ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Transaction } from "./transaction.ts";

export interface RelayOptions {
  /** The client has the head: from now on the answer can only be this one. */
  readonly begun: () => void;
  /**
   * Is told the id of a response before the client has it, and may ask another thread to go on from there. Undefined:
   * whoever goes on from it gets the same key anyway.
   */
  readonly pin: ((responseId: string) => void) | undefined;
}

/**
 * Resolves when the client has the whole answer; undefined: all of it had come, and the client has it. Throws, or rejects
 * with, ProxyError when it breaks off: `upstream_broken` and others.
 */
export function relay(
  answer: UpstreamAnswer,
  backend: Backend,
  transaction: Transaction,
  { begun, pin }: RelayOptions,
): Promise<void> | undefined {
  const { exchange } = transaction;
  // Compressed in spite of what we asked for: relayed as it is, for what we would read or add is no text there.
  const coding = answer.headers.get("content-encoding");
  const readable = coding === undefined || coding.toLowerCase() === "identity";
  const dialect = readable && backend.ai ? transaction.dialect : undefined;
  transaction.streaming = readable && isEventStream(answer.headers);
  const sink = new Relay(exchange, transaction, {
    head: answerHead(answer, backend, transaction),
    status: answer.status,
    begun,
    scanner: dialect?.usageScanner(),
    responses: pin && transaction.call?.operation === "responses" ? dialect?.responseIdScanner?.(pin) : undefined,
    filter: transaction.streaming && transaction.body?.usageWasAdded ? dialect?.usageEventFilter() : undefined,
  });
  exchange.onDrain(() => answer.resume());
  answer.attach(sink);
  // A client that waits for the first event learns that it will come.
  if (transaction.streaming) sink.sendHead(true);
  return sink.ended();
}

interface RelayParts {
  readonly status: number;
  readonly head: readonly string[];
  readonly begun: () => void;
  readonly scanner: UsageScanner | undefined;
  readonly responses: AnswerScanner | undefined;
  readonly filter: StreamFilter | undefined;
}

class Relay implements AnswerSink {
  readonly #exchange: Exchange;
  readonly #transaction: Transaction;
  readonly #parts: RelayParts;
  #headSent = false;
  #over = false;
  #failure: { readonly error: unknown } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;
  /** The last piece, in which usage is looked for once the client has it. */
  #unread: Uint8Array | undefined;

  constructor(exchange: Exchange, transaction: Transaction, parts: RelayParts) {
    this.#exchange = exchange;
    this.#transaction = transaction;
    this.#parts = parts;
  }

  /** Undefined: it is over, and well. Throws, or rejects with, what it failed with. */
  ended(): Promise<void> | undefined {
    if (this.#failure) throw this.#failure.error;
    if (this.#over) return undefined;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** With the first bytes of the body: until then a call that fails can still be answered with an error. */
  sendHead(now = false): void {
    if (this.#headSent || this.#over) return;
    const { status, head, begun } = this.#parts;
    try {
      this.#exchange.sendHead(status, head, now);
    } catch (error) {
      // A header that cannot be sent is no fault of the upstream's, whose client calls us.
      this.#over = true;
      this.#fail(error);
      return;
    }
    this.#headSent = true;
    begun();
    this.#transaction.status = status;
  }

  data(chunk: Uint8Array): boolean {
    const { scanner, responses, filter } = this.#parts;
    this.#transaction.firstByte();
    if (scanner) this.#read(scanner, chunk);
    responses?.push(chunk);
    const passed = filter ? filter.push(chunk) : chunk;
    if (passed === undefined) return true;
    this.sendHead();
    return this.#over || this.#exchange.write(passed);
  }

  end(): void {
    this.sendHead();
    if (this.#over) return;
    this.#over = true;
    try {
      const held = this.#parts.filter?.end();
      if (held) this.#exchange.write(held);
      this.#exchange.end();
    } catch (error) {
      this.#fail(error);
    }
    this.#readUsage();
    this.#waiting?.resolve();
  }

  error(error: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    this.#readUsage();
    // What is none of the provider's failures is told as it is.
    const isOwn = !this.#headSent || error.reason !== "UpstreamFailure";
    this.#fail(isOwn ? error : new ProxyError("upstream_broken", "The provider's answer broke off.", { cause: error }));
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#waiting?.reject(error);
  }

  /** Whoever waits for the end of an answer need not wait for that. An event goes out later anyway, and is not kept. */
  #read(scanner: UsageScanner, chunk: Uint8Array): void {
    if (this.#transaction.streaming) {
      scanner.push(chunk);
      return;
    }
    if (this.#unread) scanner.push(this.#unread);
    this.#unread = chunk;
  }

  #readUsage(): void {
    const { scanner } = this.#parts;
    if (this.#unread) scanner?.push(this.#unread);
    this.#transaction.usage = scanner?.usage;
    this.#transaction.responseModel = scanner?.model;
  }
}
