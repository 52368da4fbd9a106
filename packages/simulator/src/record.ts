/** The record of what was received, and promises for what is yet to come. */
import { SimulatorError } from "./errors.ts";

/** One request as it arrived, and how far its answer came. It grows while the request lives: the same object throughout. */
export interface ReceivedRequest {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** Names and values in turn, as they were spelt. */
  readonly rawHeaders: readonly string[];
  /** Names in lower case. A repeated header's values are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty until `bodyComplete`. */
  readonly body: Buffer;
  readonly bodyComplete: boolean;
  /** The first of: bearer token, `x-api-key`, `api-key`, `x-goog-api-key`, `?key=`. */
  readonly key: string | undefined;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The sockets are numbered from 1 in the order in which they were opened. */
  readonly connection: number;
  /** 1 for the first request on its connection: more than that is reuse. */
  readonly requestOnConnection: number;
  /** The client left before its answer was complete. */
  readonly aborted: boolean;
  /** The answer was sent to its end, or cut on purpose by a fault. */
  readonly answered: boolean;
  /** Events of a stream that were handed to the socket. */
  readonly eventsSent: number;
}

export type RecordEntry = { -readonly [Name in keyof ReceivedRequest]: ReceivedRequest[Name] };

export type RequestPredicate = (request: ReceivedRequest) => boolean;

interface Wait {
  readonly wanted: RequestPredicate;
  resolve(request: ReceivedRequest): void;
  reject(reason: SimulatorError): void;
}

export class RequestLog {
  readonly entries: RecordEntry[] = [];
  readonly keysSeen: string[] = [];
  readonly #limit: number;
  readonly #waits = new Set<Wait>();
  readonly #arrived = new WeakSet<ReceivedRequest>();
  #closed = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(entry: RecordEntry): void {
    if (entry.key !== undefined && this.#limit > 0 && !this.keysSeen.includes(entry.key)) this.keysSeen.push(entry.key);
    this.entries.push(entry);
    if (this.entries.length > this.#limit) this.entries.shift();
  }

  /** The body is here, or nobody will read it: whoever waits for the request gets it. */
  arrived(entry: RecordEntry): void {
    this.#arrived.add(entry);
    this.#wake(entry);
  }

  left(entry: RecordEntry): void {
    entry.aborted = true;
    this.arrived(entry);
  }

  /** The first request, past or to come, that has arrived and that is wanted. */
  wait(wanted: RequestPredicate): Promise<ReceivedRequest> {
    const past = this.entries.find((entry) => this.#arrived.has(entry) && wanted(entry));
    if (past !== undefined) return Promise.resolve(past);
    if (this.#closed) return Promise.reject(closedError());
    const { promise, resolve, reject } = Promise.withResolvers<ReceivedRequest>();
    // A test that has failed elsewhere no longer awaits this: its end is no second failure.
    promise.catch(() => {});
    this.#waits.add({ wanted, resolve, reject });
    return promise;
  }

  clear(): void {
    this.entries.length = 0;
    this.keysSeen.length = 0;
  }

  close(): void {
    this.#closed = true;
    for (const wait of this.#waits) wait.reject(closedError());
    this.#waits.clear();
  }

  #wake(entry: RecordEntry): void {
    for (const wait of this.#waits) {
      if (!wait.wanted(entry)) continue;
      this.#waits.delete(wait);
      wait.resolve(entry);
    }
  }
}

function closedError(): SimulatorError {
  return new SimulatorError("SIMULATOR_CLOSED", "the simulator was closed before such a request came");
}
