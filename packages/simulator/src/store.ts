/** What endpoints remember between requests: ids given, files, batches, responses. Bounded: the oldest goes first. */
import type { JsonObject } from "./json.ts";

const ENTRY_LIMIT = 1000;
const FILE_BYTES_LIMIT = 256 * 1024 * 1024;

export interface StoredFile {
  readonly info: JsonObject & { readonly id: string };
  readonly bytes: Buffer;
}

export interface StoredResponse {
  /** Of the account that made it: no other knows it. */
  readonly key: string | undefined;
  readonly response: JsonObject;
}

export class Store {
  readonly responses = new Shelf<StoredResponse>();
  readonly batches = new Shelf<JsonObject>();
  readonly files = new Shelf<StoredFile>((file) => file.bytes.length, FILE_BYTES_LIMIT);
  #lastId = 0;

  /** `chatcmpl-` gives `chatcmpl-sim000001`, and so on: the same run gives the same ids. */
  newId(prefix: string): string {
    this.#lastId++;
    return `${prefix}sim${String(this.#lastId).padStart(6, "0")}`;
  }
}

class Shelf<T> {
  readonly #entries = new Map<string, T>();
  readonly #sizeOf: (entry: T) => number;
  readonly #sizeLimit: number;
  #size = 0;

  constructor(sizeOf: (entry: T) => number = () => 0, sizeLimit = 0) {
    this.#sizeOf = sizeOf;
    this.#sizeLimit = sizeLimit;
  }

  get(id: string): T | undefined {
    return this.#entries.get(id);
  }

  /** Newest first. */
  list(): T[] {
    return [...this.#entries.values()].toReversed();
  }

  set(id: string, entry: T): void {
    this.delete(id);
    this.#entries.set(id, entry);
    this.#size += this.#sizeOf(entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= ENTRY_LIMIT && this.#size <= this.#sizeLimit) break;
      this.delete(oldest);
    }
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#size -= this.#sizeOf(entry);
    return this.#entries.delete(id);
  }
}
