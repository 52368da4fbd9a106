/** Follows one Secret: list, then watch from there, and again for as long as somebody wants to know. */
import { after, SecretError, type Clock } from "@keybearer/secrets";
import { ANSWER_LIMIT_BYTES, readJson, type ApiClient } from "./client.ts";
import { failure, refusal } from "./failures.ts";
import { linesOf } from "./lines.ts";
import { asEvent, asList, messageOf } from "./secret-object.ts";

export interface Followed {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  random(): number;
  /** The resource version that was read last; undefined when there was none. */
  known(): string | undefined;
  /** Reads the Secret. Rejects with SecretError. */
  read(): Promise<unknown>;
  report(error: unknown): void;
}

/**
 * A watch is asked for a time from 60 s to 120 s, and given up for dead a little later. client-go asks for 5 to 10 minutes,
 * for thousands of watches; a key is worth a request in 90 s, so that no dead connection hides a rotation for longer.
 */
const SHORTEST_WATCH_S = 60;
const WATCH_SPREAD_S = 60;
const OVERDUE_MS = 10_000;
/** A watch that ends sooner, and brought nothing, is a failure: to begin again at once would be a storm. */
const SHORTEST_HEALTHY_MS = 1_000;
const FIRST_BACKOFF_MS = 800;
const LONGEST_BACKOFF_MS = 30_000;
/** Permissions are granted by people; until then a plain read each minute does what a watch would do. */
const DENIED_WAIT_MS = 60_000;

/** How a watch ended, other than with an error: where to go on (undefined: list again), and whether it had been one. */
interface WatchEnd {
  readonly position: string | undefined;
  readonly wasHealthy: boolean;
}

/** Resolves when the signal fires; never rejects. What happens on the way is told with `report`, once each. */
export async function follow(followed: Followed): Promise<void> {
  const follower = new Follower(followed);
  await follower.run();
}

class Follower {
  readonly #followed: Followed;
  readonly #path: string;
  readonly #selector: string;
  /** What was reported last, by what was tried: the same is not said twice. */
  readonly #told = new Map<"read" | "watch", string>();

  constructor(followed: Followed) {
    this.#followed = followed;
    this.#path = `/api/v1/namespaces/${followed.namespace}/secrets`;
    // With a selector for the name, and only then, a Role that names the Secret allows list and watch.
    this.#selector = `metadata.name=${followed.name}`;
  }

  async run(): Promise<void> {
    const { signal } = this.#followed;
    let position: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      let denied = false;
      try {
        if (failures > 0) await this.#read();
        const isResumed = position !== undefined;
        position ??= await this.#list();
        const end = await this.#watch(position);
        position = end.position;
        // A position that is too old is no failure, unless it is as new as can be.
        const isTooOld = isResumed && position === undefined;
        failures = end.wasHealthy || isTooOld ? 0 : failures + 1;
      } catch (thrown) {
        if (signal.aborted) return;
        failures += 1;
        const error = SecretError.from("kubernetes", thrown);
        denied = error.code === "SECRET_DENIED";
        // A connection that is cut is daily bread. One that cannot be had again is news.
        if (denied || failures > 1) this.#tell("watch", error);
      }
      if (failures > 0) await this.#wait(failures, denied);
    }
  }

  async #list(): Promise<string | undefined> {
    const { client, namespace, name } = this.#followed;
    const { status, json } = await client.get(this.#path, { fieldSelector: this.#selector });
    if (status !== 200) throw refusal(status, messageOf(json), { verb: "list", namespace, name });
    const { metadata, items } = asList(json);
    const item = (items ?? []).find((each) => each.metadata.name === name);
    await this.#readUnlessKnown(item?.metadata.resourceVersion);
    return metadata.resourceVersion;
  }

  async #watch(from: string | undefined): Promise<WatchEnd> {
    const { clock, signal } = this.#followed;
    const seconds = SHORTEST_WATCH_S + Math.floor(this.#followed.random() * WATCH_SPREAD_S);
    const startedAt = clock.now();
    const overdue = new AbortController();
    const cancel = after(clock, seconds * 1_000 + OVERDUE_MS, () => {
      overdue.abort(failure("SECRET_UNAVAILABLE", "the API server's watch fell silent"));
    });
    const ending = AbortSignal.any([signal, overdue.signal]);
    try {
      const { position, count } = await this.#events(from, seconds, ending);
      const wasHealthy = count > 0 || clock.now() - startedAt >= SHORTEST_HEALTHY_MS;
      return { position, wasHealthy };
    } catch (error) {
      throw overdue.signal.aborted ? overdue.signal.reason : error;
    } finally {
      cancel();
      overdue.abort();
    }
  }

  async #events(from: string | undefined, seconds: number, signal: AbortSignal) {
    const { client, namespace, name } = this.#followed;
    const query = {
      fieldSelector: this.#selector,
      watch: "1",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(seconds),
      ...(from === undefined ? {} : { resourceVersion: from }),
    };
    const attempted = { verb: "watch", namespace, name } as const;
    const { status, body } = await client.open(this.#path, query, signal);
    // History is kept for minutes: whoever comes later has to list again.
    if (status === 410) return { position: undefined, count: 0 };
    if (status !== 200) throw refusal(status, messageOf(await readJson(body)), attempted);
    this.#told.delete("watch");
    let position = from;
    let count = 0;
    for await (const line of linesOf(body, ANSWER_LIMIT_BYTES)) {
      const { type, object } = asEvent(line);
      if (type === "ERROR") {
        if (object.code === 410) return { position: undefined, count };
        throw refusal(object.code ?? 500, object.message ?? "", attempted);
      }
      count += 1;
      position = object.metadata?.resourceVersion ?? position;
      if (type === "BOOKMARK" || object.metadata?.name !== name) continue;
      await this.#readUnlessKnown(type === "DELETED" ? undefined : object.metadata.resourceVersion);
    }
    return { position, count };
  }

  /** Resource versions are compared for equality alone: their order is the server's secret. */
  async #readUnlessKnown(resourceVersion: string | undefined): Promise<void> {
    if (resourceVersion !== this.#followed.known()) await this.#read();
  }

  /**
   * An event says that there is news, and a read brings it: what is read is never older than what was read before, which
   * events, and lists from a cache, do not promise. Throws if the API server could not be asked.
   */
  async #read(): Promise<void> {
    try {
      await this.#followed.read();
      this.#told.delete("read");
    } catch (thrown) {
      const error = SecretError.from("kubernetes", thrown);
      if (this.#followed.signal.aborted) return;
      this.#tell("read", error);
      // A Secret that is gone, or holds no key, is watched on.
      if (error.code === "SECRET_UNAVAILABLE" || error.code === "SECRET_DENIED") throw error;
    }
  }

  #tell(what: "read" | "watch", error: SecretError): void {
    const text = `${error.code} ${error.message}`;
    if (this.#told.get(what) === text || (what === "watch" && this.#told.get("read") === text)) return;
    this.#told.set(what, text);
    this.#followed.report(error);
  }

  async #wait(failures: number, denied: boolean): Promise<void> {
    const { client, clock, signal } = this.#followed;
    const spread = 1 + 0.5 * this.#followed.random();
    const backoffMs = denied ? DENIED_WAIT_MS : Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
    await pause(clock, Math.max(client.retryAfterMs, backoffMs) * spread, signal);
  }
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = after(clock, delayMs, done);
    signal.addEventListener("abort", done, { once: true });
  });
}
