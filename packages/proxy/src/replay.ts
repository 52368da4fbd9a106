/** A body that is relayed unread and can still be sent once more: kept, while the budget of the process lasts. */
import { ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Transaction } from "./transaction.ts";

/** How many bytes of bodies are kept at once, over all requests of a process. */
export class ReplayBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** What attempts send, one after another. */
export interface RequestBody {
  /** For one attempt. An attempt before it gets no more. */
  send(): Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly canBeSentAgain: boolean;
  /** No attempt will follow the one under way. */
  forget(): void;
  /** Nor does that one want more: what the client still sends is nobody's. */
  close(): void;
}

/** What was read is sent again as it is; what is relayed unread is kept on its way, if it is worth keeping. */
export function requestBody(transaction: Transaction, isWorthKeeping: boolean, budget: ReplayBudget): RequestBody {
  const { exchange, body } = transaction;
  return body || !exchange.hasBody ? new KnownBody(transaction) : new ReplayBody(exchange, budget, isWorthKeeping);
}

class KnownBody implements RequestBody {
  readonly canBeSentAgain = true;
  readonly #transaction: Transaction;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
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
  canBeSentAgain: boolean;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #budget: ReplayBudget;
  /** All that has come, while it can be sent again; else what the attempt under way has still to send. */
  readonly #chunks: Uint8Array[] = [];
  /** How many of them the attempt under way has sent. */
  #sent = 0;
  #attempt = 0;
  #takenBytes = 0;
  #ended = false;
  /** Belongs to no attempt: one may end while it waits for the client, and the next one waits on. */
  #reading: Promise<void> | undefined;

  constructor(exchange: Pick<Exchange, "body">, budget: ReplayBudget, canBeSentAgain: boolean) {
    this.#source = exchange.body()[Symbol.asyncIterator]();
    this.#budget = budget;
    this.canBeSentAgain = canBeSentAgain;
  }

  async *send(): AsyncIterable<Uint8Array> {
    const attempt = ++this.#attempt;
    this.#sent = 0;
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
    if (!this.canBeSentAgain) return;
    this.canBeSentAgain = false;
    this.#chunks.splice(0, this.#sent);
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
    if (!this.canBeSentAgain) return this.#chunks.shift();
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
    if (this.canBeSentAgain) {
      if (this.#budget.take(chunk.length)) this.#takenBytes += chunk.length;
      else this.forget();
    }
    this.#chunks.push(chunk);
  }
}
