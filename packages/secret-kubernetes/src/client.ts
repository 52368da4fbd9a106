/** Asks an API server: whole answers, and streams that stay open. */
import { bounded, type SourceContext } from "@keybearer/secrets";
import { Agent } from "undici";
import type { Access, LoadAccess, TlsMaterial } from "./access.ts";
import { failure, unreachable } from "./failures.ts";

/** A Secret is at most 1 MiB; base64 and what kubectl keeps in its annotations make more of it. */
export const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024;
/** For a whole answer, and for the head of a stream. */
const ANSWER_LIMIT_MS = 10_000;
const KEEP_ALIVE_DELAY_MS = 15_000;
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;

export interface Answer {
  readonly status: number;
  /** Undefined if it is no JSON. */
  readonly json: unknown;
}

export interface Stream {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export class ApiClient {
  readonly #load: LoadAccess;
  readonly #context: Pick<SourceContext, "clock" | "signal">;
  #connected: { readonly agent: Agent; readonly identity: string } | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(load: LoadAccess, context: Pick<SourceContext, "clock" | "signal">) {
    this.#load = load;
    this.#context = context;
  }

  /** When the API server wants to be asked again: milliseconds from now, 0 if it has not said so. */
  get retryAfterMs(): number {
    return Math.max(0, this.#retryAt - this.#context.clock.now());
  }

  /** Throws SecretError SECRET_UNAVAILABLE when there is no answer. */
  get(path: string, query: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#bounded(this.#context.signal, async (signal) => {
      const { status, body } = await this.#send(path, query, signal);
      return { status, json: await readJson(body) };
    });
  }

  /** As `get`, the body left to be read for as long as it comes. `signal` ends it. */
  open(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Stream> {
    return this.#bounded(signal, (inner) => this.#send(path, query, AbortSignal.any([inner, signal])));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connected?.agent.destroy();
  }

  #bounded<Result>(signal: AbortSignal, run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { clock } = this.#context;
    return bounded({ source: "kubernetes", clock, limitMs: ANSWER_LIMIT_MS, signal }, run);
  }

  /** A token may have been replaced since it was read: 401 is asked once more, with what the files hold then. */
  async #send(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Stream> {
    const first = await this.#sendOnce(path, query, signal);
    if (first.status !== 401) return first;
    await readWhole(first.body);
    return this.#sendOnce(path, query, signal);
  }

  async #sendOnce(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Stream> {
    const access = await this.#load();
    const { server, token } = access;
    try {
      const answer = await this.#agent(access).request({
        origin: server.origin,
        path: `${server.pathname.replace(/\/$/, "")}${path}?${new URLSearchParams(query).toString()}`,
        method: "GET",
        headers: {
          accept: "application/json",
          "user-agent": "keybearer",
          ...(token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` }),
        },
        signal,
      });
      this.#noteRetryAfter(answer.headers["retry-after"]);
      return { status: answer.statusCode, body: chunksOf(answer.body, server) };
    } catch (error) {
      throw unreachable(error, server);
    }
  }

  /** One for as long as authority and certificate are the same: a new one takes effect with the next connection. */
  #agent({ tls, server }: Access): Agent {
    if (this.#closed) throw failure("SECRET_UNAVAILABLE", "the key is no longer wanted");
    const identity = JSON.stringify([server.origin, tls]);
    if (this.#connected?.identity !== identity) {
      // What still runs there ends by itself.
      this.#connected?.agent.close().catch(() => undefined);
      this.#connected = { agent: createAgent(tls), identity };
    }
    return this.#connected.agent;
  }

  #noteRetryAfter(value: string | string[] | undefined): void {
    const seconds = Number(typeof value === "string" ? value : Number.NaN);
    const now = this.#context.clock.now();
    // The API server counts in seconds; it sends no date.
    this.#retryAt = seconds > 0 ? now + Math.min(seconds * 1_000, LONGEST_RETRY_AFTER_MS) : Number.NEGATIVE_INFINITY;
  }
}

function createAgent(tls: TlsMaterial): Agent {
  return new Agent({
    allowH2: false,
    // Both bounded by whoever asks, on the clock that was handed in: a quiet watch is no dead one.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: ANSWER_LIMIT_MS,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      rejectUnauthorized: tls.rejectUnauthorized,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    },
  });
}

async function* chunksOf(body: AsyncIterable<Uint8Array>, server: URL): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw unreachable(error, server);
  }
}

/** Undefined if it is no JSON. Throws SecretError for more than 4 MiB. */
export async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const text = await readWhole(body);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) throw failure("SECRET_UNAVAILABLE", "the API server's answer is more than 4 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
