/** A body that is relayed unread and can still be sent once more: kept, while the budget of the process lasts. */
import type { ByteBudget } from "./byte-budget.ts";
import { ProxyError } from "./errors.ts";
import type { Transaction } from "./transaction.ts";

/** Or all of it, before a backend gets any: whoever sends slowly is to hold no connection and no key until then. */
const BEGINNING_BYTES = 64 * 1024;

/** What attempts send, one after another. */
export interface RequestBody {
  /** Resolves when enough has come to be sent, rejects when no more will. Undefined: it has. */
  arrive(): Promise<void> | undefined;
  /** For one attempt. An attempt before it gets no more. */
  send(): Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly canBeSentAgain: boolean;
  /** No attempt will follow the one under way. */
  forget(): void;
  /** Nor does that one want more: what the client still sends is nobody's. */
  close(): void;
}

/** What was read is sent again as it is; what is relayed unread is kept on its way, if it is worth keeping. */
export function requestBody(
  transaction: Transaction,
  budget: ByteBudget,
  { isRead, isWorthKeeping }: { readonly isRead: boolean; readonly isWorthKeeping: boolean },
): RequestBody {
  const { exchange, limits } = transaction;
  if (isRead || !exchange.hasBody) return new KnownBody(transaction);
  return new ReplayBody(exchange.body(limits.bodyBytes), budget, isWorthKeeping);
}

class KnownBody implements RequestBody {
  readonly canBeSentAgain = true;
  readonly #transaction: Transaction;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  arrive(): undefined {
    return undefined;
  }

  /** As it was made ready for the backend whose turn it is. */
  send(): Uint8Array | null {
    return this.#transaction.body?.bytes ?? null;
  }

  forget(): void {
    // It was read for its own sake.
  }

  close(): void {
    // The client has sent it all.
  }
}

class ReplayBody implements RequestBody {
  /** What has been sent is kept. */
  #isKept: boolean;
  /** Something was sent, and is gone. */
  #isBegun = false;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #budget: ByteBudget;
  /** All that has come, while it can be sent again; else what the attempt under way has still to send. */
  readonly #chunks: Uint8Array[] = [];
  /** How many of them the attempt under way has sent. */
  #sent = 0;
  #attempt = 0;
  #takenBytes = 0;
  #cameBytes = 0;
  #ended = false;
  /** Belongs to no attempt: one may end while it waits for the client, and the next one waits on. */
  #reading: Promise<void> | undefined;

  constructor(source: AsyncIterable<Uint8Array>, budget: ByteBudget, isKept: boolean) {
    this.#source = source[Symbol.asyncIterator]();
    this.#budget = budget;
    this.#isKept = isKept;
  }

  async arrive(): Promise<void> {
    while (!this.#ended && this.#cameBytes < BEGINNING_BYTES) await (this.#reading ??= this.#read());
  }

  get canBeSentAgain(): boolean {
    return this.#isKept || !this.#isBegun;
  }

  send(): AsyncIterable<Uint8Array> {
    this.#sent = 0;
    return this.#attemptOf(++this.#attempt);
  }

  async *#attemptOf(attempt: number): AsyncIterable<Uint8Array> {
    for (;;) {
      // An end would make half a body look whole.
      if (attempt !== this.#attempt) throw new ProxyError("upstream_closed", "The attempt is over.");
      const chunk = this.#next();
      if (chunk) yield chunk;
      else if (this.#ended) return;
      else await (this.#reading ??= this.#read());
    }
  }

  forget(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    if (this.#chunks.splice(0, this.#sent).length > 0) this.#isBegun = true;
    this.#budget.give(this.#takenBytes);
  }

  close(): void {
    this.forget();
    this.#attempt++;
    this.#chunks.length = 0;
    // The client left: whoever answers it knows.
    this.#source.return?.().catch(() => undefined);
  }

  #next(): Uint8Array | undefined {
    if (!this.#isKept) {
      const next = this.#chunks.shift();
      if (next) this.#isBegun = true;
      return next;
    }
    const chunk = this.#chunks[this.#sent];
    if (chunk) this.#sent++;
    return chunk;
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#source.next();
    this.#reading = undefined;
    if (done === true) this.#ended = true;
    else this.#keep(value);
  }

  #keep(chunk: Uint8Array): void {
    this.#cameBytes += chunk.length;
    if (this.#isKept) {
      if (this.#budget.take(chunk.length)) this.#takenBytes += chunk.length;
      else this.forget();
    }
    this.#chunks.push(chunk);
  }
}
