/** What wire says, driven as its connections do: one reading buffer, whose bytes are good only during a callback. */
import { BodyDecoder } from "../../src/syntax/body-decoder.ts";
import type { HeadLimits, HeadReader } from "../../src/syntax/head-reader.ts";
import { RequestHead } from "../../src/syntax/request-head.ts";
import { ResponseHead } from "../../src/syntax/response-head.ts";
import { WireError } from "../../src/errors.ts";
import type { Case, Message, Reading } from "./reading.ts";

const LIMITS: HeadLimits = { headBytes: 64 * 1024, headers: 1000 };
const READING_BYTES = 64 * 1024;
const POISON = 0xdb;

/** What lies before and behind the bytes of a callback: wire must not look there. */
const FRINGE = Buffer.from("\r\n\r\n0\r\n\r\n3\r\nabc");
const reading = Buffer.alloc(FRINGE.length + READING_BYTES + FRINGE.length);

/** Reads them in pieces that end at `cuts`. */
export function readRequests({ bytes }: Case, cuts: readonly number[] = []): Reading {
  const head = new RequestHead();
  return new Run(head, () => beginRequest(head)).read(bytes, cuts);
}

/** The same for responses. Behind the bytes the connection ends. */
export function readResponses({ bytes, methods = [] }: Case, cuts: readonly number[] = []): Reading {
  const head = new ResponseHead();
  let answers = 0;
  const begin = (): Beginning => {
    const isInformational = head.status < 200;
    const method = (isInformational ? undefined : methods[answers++]) ?? "GET";
    return beginResponse(head, isInformational, method);
  };
  const { messages, end, because = "" } = new Run(head, begin).read(bytes, cuts);
  const last = messages.at(-1);
  if (end !== "open" || last?.end !== UNTIL_CLOSE) return { messages, end, because };
  last.end = bytes.length;
  return { messages, end: "over", because };
}

/** In place of its end: the connection's is its end. */
const UNTIL_CLOSE = -2;

interface Beginning {
  readonly line: string;
  readonly kind: Parameters<BodyDecoder["begin"]>[0];
  /** What would follow is no HTTP: server and client let it come to nothing. */
  readonly isRefused: boolean;
}

function beginRequest(head: RequestHead): Beginning {
  const kind = head.isChunked ? "chunked" : head.contentLength > 0 ? "length" : "none";
  const line = `${head.method} ${head.target} 1.${head.minorVersion}`;
  return { line, kind, isRefused: head.method === "CONNECT" };
}

function beginResponse(head: ResponseHead, isInformational: boolean, method: string): Beginning {
  const isBare = isInformational || method === "HEAD" || head.status === 204 || head.status === 304;
  const framed = head.isChunked ? "chunked" : head.contentLength === -1 ? "close" : "length";
  const line = `${head.status} ${head.reason} 1.${head.minorVersion}`;
  return { line, kind: isBare ? "none" : framed, isRefused: head.status === 101 };
}

class Run {
  readonly #head: HeadReader;
  readonly #begin: () => Beginning;
  readonly #body = new BodyDecoder();
  readonly #messages: Message[] = [];
  #current: Message | undefined;
  #isOver = false;

  constructor(head: HeadReader, begin: () => Beginning) {
    this.#head = head;
    this.#begin = begin;
  }

  read(text: string, cuts: readonly number[]): Reading {
    let start = 0;
    try {
      for (const cut of [...cuts.filter((at) => at > 0 && at < text.length), text.length])
        for (; start < cut && !this.#isOver; start = Math.min(cut, start + READING_BYTES))
          this.#piece(text.slice(start, Math.min(cut, start + READING_BYTES)), start);
    } catch (error) {
      if (!WireError.is(error)) throw error;
      return { messages: this.#messages, end: error.code, because: error.message };
    }
    return { messages: this.#messages, end: this.#isOver ? "over" : "open" };
  }

  /** As the callback of a read; `offset` is where the piece lies in all of the bytes. */
  #piece(text: string, offset: number): void {
    const from = FRINGE.length;
    const to = from + reading.write(text, from, "latin1");
    FRINGE.copy(reading, to);
    let at = from;
    try {
      while (at < to && !this.#isOver) {
        at = this.#current ? this.#body.decode(reading, at, to, this) : this.#readHead(at, to, offset - from);
        if (this.#current && this.#body.isWhole) this.#finish(offset - from + at);
      }
    } finally {
      reading.fill(POISON, from, to);
    }
  }

  #readHead(at: number, to: number, shift: number): number {
    const behind = this.#head.read(reading, at, to, LIMITS);
    if (behind === -1) return to;
    const { line, kind, isRefused } = this.#begin();
    this.#isOver = isRefused;
    if (isRefused) return behind;
    const { headers, closes } = this.#head;
    this.#current = { line, headers, headEnd: shift + behind, body: "", end: -1, closes, trailers: [] };
    if (kind === "close") Object.assign(this.#current, { closes: true, end: UNTIL_CLOSE });
    this.#messages.push(this.#current);
    this.#body.begin(kind, Math.max(0, this.#head.contentLength));
    return behind;
  }

  content(bytes: Buffer, from: number, to: number): void {
    if (this.#current) this.#current.body += bytes.toString("latin1", from, to);
  }

  #finish(end: number): void {
    if (!this.#current) return;
    this.#current.end = end;
    this.#isOver ||= this.#current.closes;
    this.#current = undefined;
  }
}
