/**
 * The other opinion: the parser of node:http, in strict mode and without node:http around it, so that a million cases
 * take minutes. `node-http.ts` shows that a server and a client of node:http say the same.
 */
import { createServer, METHODS } from "node:http";
import { Duplex } from "node:stream";
import type { Case, Message, Reading } from "./reading.ts";

const REQUEST = 1;
const RESPONSE = 2;
const STRICT = 0;
/** Far above the limits of wire, which are not compared. */
const MAX_HEADER_BYTES = 2 ** 24;

/** What node:http calls, by number. */
interface Parser {
  [event: number]: (...args: never[]) => unknown;
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Uint8Array): number | (Error & { code: string; reason: string; bytesParsed: number });
  finish(): Error | undefined;
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kLenientNone: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const Parser = parserClass();
const parser = new Parser();
let run: Run | undefined;
connect(parser);
/** The parser tells methods by number. */
const methods = new Map(METHODS.map((method) => [methodNumber(method), method]));

/** Of a connection of a server of node:http: the very same that reads its requests. */
function parserClass(): ParserClass {
  const connection = new Duplex({ read: () => undefined });
  createServer().emit("connection", connection);
  const found = (connection as unknown as { parser: { constructor: ParserClass } }).parser.constructor;
  connection.destroy();
  if (found.REQUEST !== REQUEST || found.RESPONSE !== RESPONSE || found.kLenientNone !== STRICT) {
    throw new Error(`the parser of node:http ${process.version} is not what the oracle knows`);
  }
  return found;
}

function connect(to: Parser): void {
  to[Parser.kOnHeaders] = (headers: string[], target: string) => run?.fields(headers, target);
  to[Parser.kOnHeadersComplete] = (...head: Parameters<Run["head"]>) => run?.head(...head) ?? 0;
  to[Parser.kOnBody] = (bytes: Buffer) => run?.content(bytes);
  to[Parser.kOnMessageComplete] = () => run?.whole();
}

function methodNumber(method: string): number {
  let found = -1;
  const asking = new Parser();
  asking.initialize(REQUEST, {}, MAX_HEADER_BYTES, STRICT);
  asking[Parser.kOnHeadersComplete] = (_major: number, _minor: number, _headers: unknown, number: number) => {
    found = number;
    return 0;
  };
  asking.execute(Buffer.from(`${method} ${method === "CONNECT" ? "a:1" : "/"} HTTP/1.1\r\n\r\n`));
  if (found < 0) throw new Error(`the parser of node:http does not know ${method}`);
  return found;
}

/** Reads them in pieces that end at `cuts`: whatever the parser tells is placed at the end of a piece. */
export function readRequests({ bytes }: Case, cuts: readonly number[] = []): Reading {
  run = new Run(undefined);
  return run.read(bytes, cuts);
}

/** The same for responses. Behind the bytes the connection ends. */
export function readResponses({ bytes, methods: asked = [] }: Case, cuts: readonly number[] = []): Reading {
  run = new Run(asked);
  return run.read(bytes, cuts);
}

class Run {
  readonly #messages: Message[] = [];
  /** Methods that are answered; undefined: these are requests. */
  readonly #asked: readonly string[] | undefined;
  #answers = 0;
  #offset = 0;
  #fields: string[] = [];
  #target = "";
  /** The message whose body is read. */
  #current: Message | undefined;
  /** 101 and CONNECT: what follows is no HTTP. */
  #isOver = false;

  constructor(asked: readonly string[] | undefined) {
    this.#asked = asked;
  }

  read(text: string, cuts: readonly number[]): Reading {
    parser.initialize(this.#asked === undefined ? REQUEST : RESPONSE, {}, MAX_HEADER_BYTES, STRICT);
    const bytes = Buffer.from(text, "latin1");
    let start = 0;
    for (const end of [...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length]) {
      while (start < end) {
        this.#offset = end;
        const read = parser.execute(bytes.subarray(start, end));
        if (typeof read !== "number") return this.#reading(read.code, `${read.reason} at ${start + read.bytesParsed}`);
        if (this.#isOver) return this.#reading("over");
        // Less than it was given: it stopped for an upgrade that nobody makes, and goes on. Nothing: it has met a fault,
        // of which node:http tells nothing behind such an upgrade.
        if (read === 0) return this.#reading("stuck", `at ${start}`);
        start += read;
      }
    }
    if (this.#asked !== undefined) parser.finish();
    return this.#reading("open");
  }

  #reading(end: string, because = ""): Reading {
    return { messages: this.#messages, end, because };
  }

  /** Fields by the dozen, or the trailers. */
  fields(fields: string[], target: string): void {
    if (this.#current !== undefined) this.#current.trailers.push(...fields);
    else {
      this.#fields.push(...fields);
      this.#target += target;
    }
  }

  /** What it returns tells llhttp: 0: go on, 1: no body follows. */
  head(
    major: number,
    minor: number,
    headers: string[] | undefined,
    method: number | null,
    target: string | undefined,
    status: number | null,
    reason: string | null,
    _upgrade: boolean,
    keepsAlive: boolean,
  ): number {
    const version = `${major}.${minor}`;
    const name = method === null ? "" : (methods.get(method) ?? `method ${method}`);
    const line =
      this.#asked === undefined
        ? `${name} ${this.#target + (target ?? "")} ${version}`
        : `${status} ${reason} ${version}`;
    this.#current = {
      line,
      headers: [...this.#fields, ...(headers ?? [])],
      headEnd: this.#offset,
      body: "",
      end: -1,
      closes: !keepsAlive,
      trailers: [],
    };
    this.#messages.push(this.#current);
    this.#fields = [];
    this.#target = "";
    this.#isOver = name === "CONNECT" || status === 101;
    if (this.#asked === undefined || status === null) return 0;
    const isInformational = status >= 100 && status < 200;
    if (!isInformational && this.#asked[this.#answers++] !== "HEAD") return 0;
    // It takes what has no length for one that ends with the connection, until it is told that it has no body.
    this.#current.closes = false;
    return 1;
  }

  content(bytes: Buffer): void {
    if (this.#current !== undefined) this.#current.body += bytes.toString("latin1");
  }

  whole(): void {
    if (this.#current !== undefined) this.#current.end = this.#offset;
    this.#current = undefined;
  }
}
