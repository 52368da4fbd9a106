/** The open watches of a stand-in API server, and what can go wrong with them. */
import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Store, StoredEvent } from "./store.ts";

export interface WatchRequest {
  readonly namespace: string;
  readonly name: string | undefined;
  readonly from: number | undefined;
  readonly timeoutSeconds: number;
  readonly bookmarks: boolean;
}

interface Watch {
  readonly request: WatchRequest;
  readonly answer: ServerResponse;
  isFrozen: boolean;
}

export class Watches {
  /** Each event is written in pieces of this length, so that chunks begin and end anywhere. */
  chunkBytes = Number.POSITIVE_INFINITY;
  /** So much later than a read has the news, events come. In order, as long as it is not set back to 0. */
  delayMs = 0;
  readonly #store: Store;
  readonly #open = new Set<Watch>();
  #delayed: Promise<void> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
    store.listen((event) => {
      if (this.delayMs === 0) this.#offerAll(event);
      else this.#delayed = this.#delayed.then(() => pause(this.delayMs)).then(() => this.#offerAll(event));
    });
  }

  get count(): number {
    return this.#open.size;
  }

  start(request: WatchRequest, answer: ServerResponse): void {
    const watch = { request, answer, isFrozen: false };
    this.#open.add(watch);
    answer.writeHead(200, { "content-type": "application/json" });
    answer.flushHeaders();
    const past =
      request.from === undefined
        ? this.#store
            .list(request.namespace, request.name)
            .map((object) => ({ type: "ADDED" as const, version: 0, object }))
        : this.#store.since(request.from);
    for (const event of past) this.#offer(watch, event);
    const timer = setTimeout(() => {
      this.#open.delete(watch);
      answer.end();
    }, request.timeoutSeconds * 1_000).unref();
    answer.on("close", () => {
      clearTimeout(timer);
      this.#open.delete(watch);
    });
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null };
    for (const watch of this.#open) {
      if (!watch.request.bookmarks) continue;
      this.#write(watch, { type: "BOOKMARK", object: { kind: "Secret", apiVersion: "v1", metadata } });
    }
  }

  /** An ERROR event, as it comes inside a 200. */
  error(code: number, reason: string): void {
    const object = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason, code };
    for (const watch of this.#open) this.#write(watch, { type: "ERROR", object });
  }

  /** Text of your own. */
  write(text: string): void {
    for (const { answer } of this.#open) answer.write(text);
  }

  /** As at the end of `timeoutSeconds`. */
  end(): void {
    for (const { answer } of this.#open) answer.end();
    this.#open.clear();
  }

  /** As a load balancer that has gone away. */
  cut(): void {
    for (const { answer } of this.#open) answer.destroy();
    this.#open.clear();
  }

  /** The other side is gone and nobody says so: the connection stays, and nothing comes any more. */
  freeze(): void {
    for (const watch of this.#open) watch.isFrozen = true;
  }

  #offerAll(event: StoredEvent): void {
    for (const watch of this.#open) this.#offer(watch, event);
  }

  #offer(watch: Watch, { type, object }: StoredEvent): void {
    const { namespace, name } = watch.request;
    if (object.metadata.namespace !== namespace || (name !== undefined && object.metadata.name !== name)) return;
    this.#write(watch, { type, object });
  }

  #write({ answer, isFrozen }: Watch, event: unknown): void {
    if (isFrozen) return;
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    for (let start = 0; start < line.length; start += this.chunkBytes) {
      answer.write(line.subarray(start, start + this.chunkBytes));
    }
  }
}
