/** An answer whose first bytes are looked at before anybody gets them: an error's body, the opening of a stream. */
import type { HeaderList, StreamOpening, StreamVerdict } from "@keybearer/providers";
import { decodeBytes } from "./body.ts";
import type { AnswerSink, UpstreamAnswer } from "./dispatch.ts";
import type { ProxyError } from "./errors.ts";

/** Longer openings are taken for content. */
const OPENING_LIMIT_BYTES = 64 * 1024;
/** A provider that explains itself at greater length is not listened to. */
const ERROR_LIMIT_BYTES = 256 * 1024;

/**
 * The body of an error, decoded. Undefined: it is too long, came too slowly, broke off, or has a coding of its own. Throws the
 * ProxyError with which it was given up by us: nobody waits for it any more.
 */
export async function readErrorBody(answer: UpstreamAnswer, limitMs: number): Promise<Uint8Array | undefined> {
  const peek = new Peek(answer);
  await peek.until((bytes) => bytes > ERROR_LIMIT_BYTES, limitMs);
  if (peek.failure && !peek.failure.code.startsWith("upstream_")) throw peek.failure;
  if (!peek.ended) return undefined;
  const encoding = answer.headers.get("content-encoding")?.toLowerCase() || "identity";
  return decodeBytes(Buffer.concat(peek.chunks), encoding, ERROR_LIMIT_BYTES);
}

export type Opened =
  /** The same answer, nothing taken from it. */
  | { readonly answer: UpstreamAnswer; readonly error?: undefined }
  /** The data of the event that came in the place of content. */
  | { readonly error: string; readonly answer?: undefined };

/** Waits until content begins, 64 KiB or `limitMs` have passed. Throws ProxyError when the stream breaks off before. */
export async function readOpening(answer: UpstreamAnswer, opening: StreamOpening, limitMs: number): Promise<Opened> {
  const peek = new Peek(answer);
  // A cast, or the narrowing would outlast the callback that assigns it.
  let verdict = "opening" as StreamVerdict;
  await peek.until((bytes, chunk) => {
    verdict = opening.push(chunk);
    return verdict !== "opening" || bytes > OPENING_LIMIT_BYTES;
  }, limitMs);
  if (typeof verdict === "object") return verdict;
  if (peek.failure && verdict === "opening") throw peek.failure;
  return { answer: peek };
}

/** Holds what comes until it is enough; then it is the answer that it looked at, for one reader. */
class Peek implements UpstreamAnswer, AnswerSink {
  readonly status: number;
  readonly headers: HeaderList;
  readonly chunks: Uint8Array[] = [];
  ended = false;
  failure: ProxyError | undefined;
  readonly #inner: UpstreamAnswer;
  #bytes = 0;
  #reader: AnswerSink | undefined;
  #isEnough: ((bytes: number, chunk: Uint8Array) => boolean) | undefined;
  #seen: () => void = () => undefined;

  constructor(inner: UpstreamAnswer) {
    this.status = inner.status;
    this.headers = inner.headers;
    this.#inner = inner;
  }

  /** Once. Resolves, too, when the answer ends or breaks off, and after `limitMs`. */
  until(isEnough: (bytes: number, chunk: Uint8Array) => boolean, limitMs: number): Promise<void> {
    this.#isEnough = isEnough;
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#seen(), limitMs);
      this.#seen = () => {
        clearTimeout(limit);
        this.#isEnough = undefined;
        resolve();
      };
      this.#inner.attach(this);
    });
  }

  data(chunk: Uint8Array): boolean {
    if (this.#reader) return this.#reader.data(chunk);
    this.chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#isEnough?.(this.#bytes, chunk) === true) this.#seen();
    // Whoever waits comes before the socket is read again: to stop and go on would cost more than what it holds.
    return this.#bytes <= ERROR_LIMIT_BYTES;
  }

  end(): void {
    this.ended = true;
    this.#seen();
    this.#reader?.end();
  }

  error(error: ProxyError): void {
    this.failure = error;
    this.#seen();
    this.#reader?.error(error);
  }

  attach(sink: AnswerSink): void {
    this.#reader = sink;
    let goOn = true;
    for (const chunk of this.chunks.splice(0)) goOn = sink.data(chunk);
    if (this.failure) sink.error(this.failure);
    else if (this.ended) sink.end();
    else if (goOn) this.resume();
  }

  resume(): void {
    this.#inner.resume();
  }
}
