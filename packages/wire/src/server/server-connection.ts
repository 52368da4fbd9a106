/** One client connection: serves the requests on it one after the other, and ends as the last of them has it. */
import type { Socket } from "node:net";
import type { WireError, WireErrorCode } from "../errors.ts";
import { readIntoShared } from "../io/accept.ts";
import type { HeadLimits } from "../syntax/head-reader.ts";
import type { RequestHead } from "../syntax/request-head.ts";
import { AnswerWriter } from "./answer-writer.ts";
import type { FailureFacts, ServerOwner } from "./contract.ts";
import { refusalBytes } from "./refusal.ts";
import type { RequestBody } from "./request-body.ts";
import { RequestReader, type RequestSink } from "./request-reader.ts";
import { ServerExchange, type ExchangeLine } from "./server-exchange.ts";
import { TimeLimits, type Moment } from "./time-limits.ts";

/** How long a client that is still sending may take to read an answer that came early, or a refusal. */
const LINGER_MS = 2000;
/** How long a client may take to read the last words of a broken answer. */
const LAST_WORDS_MS = 1000;

/** `owner` gets its requests; `open`, `begin` and what else its reader and its exchanges call is for them alone. */
export class ServerConnection<Tls, Failure extends Error> implements ExchangeLine<Tls, Failure>, RequestSink {
  readonly clientAddress: string;
  readonly tls: Tls | undefined;
  readonly answer: AnswerWriter;
  readonly #socket: Socket;
  readonly #owner: ServerOwner<Tls, Failure>;
  readonly #reader: RequestReader;
  readonly #times = new TimeLimits(performance.now());
  /** Its body is being read; not yet served. */
  #opened: ServerExchange<Tls, Failure> | undefined;
  /** Whose answer is due. */
  #exchange: ServerExchange<Tls, Failure> | undefined;
  #closesAfterwards = false;
  #isDraining = false;
  #lingering: NodeJS.Timeout | undefined;
  /** What the system said of it. */
  #fault: Error | undefined;

  /** `tls`: what exchanges are to know of it. The socket is the connection's from now on. */
  constructor(socket: Socket, tls: Tls | undefined, owner: ServerOwner<Tls, Failure>) {
    const { remoteAddress, remotePort } = socket;
    this.clientAddress = `${remoteAddress ?? "unknown"}:${remotePort ?? 0}`;
    this.tls = tls;
    this.#owner = owner;
    const { buffers, readsByEvents = false } = owner;
    const onRead = (length: number): void => this.#reader.received(buffers.reading, length);
    const shared = readsByEvents ? undefined : readIntoShared(socket, buffers, onRead);
    this.#socket = shared ?? socket;
    this.#reader = new RequestReader(this.#socket, this);
    this.answer = new AnswerWriter(this.#socket, buffers, () => this.#exchange?.drained());
    if (!shared) socket.on("data", (bytes: Buffer) => this.#reader.received(bytes, bytes.length));
    this.#socket
      .on("end", () => this.#clientEnded())
      .on("drain", () => void (this.#reader.drained() || this.#exchange?.drained()))
      .on("error", (error) => {
        this.#fault ??= error;
        this.destroy();
      })
      .once("close", () => this.#closed());
  }

  /**
   * To be called once a second or so, else no limit of time holds: whether the client keeps moving what is its to move.
   * `nowMs`: as `performance.now()` gives it.
   */
  check(nowMs: number): void {
    const { limits } = this.#owner;
    if (!this.#closesAfterwards && this.#times.isOld(nowMs, limits)) {
      this.#owner.limited("connection_duration");
      this.#closeAfterwards();
    }
    switch (this.#times.exceeded(this.#moment, nowMs, limits)) {
      case "idle":
        this.#owner.limited("connection_idle");
        this.destroy();
        break;
      case "receiving":
        this.#refuse("WIRE_TIMEOUT");
        break;
      case "sending":
        this.#owner.limited("client_not_reading");
        this.#abandon(this.failure("WIRE_NOT_READING", { timeoutMs: limits.sendTimeoutMs }));
        this.destroy();
        break;
      default:
    }
  }

  /** The connection ends with the answer that is due, or at once. */
  drain(): void {
    this.#isDraining = true;
    this.#closeAfterwards();
    if (this.#reader.isResting) this.rested();
  }

  /** Whoever serves the request that is under way is told that it has to end now; without one the connection does. */
  interrupt(reason: Failure): void {
    if (this.#exchange) this.#exchange.interrupt(reason);
    else if (this.#reader.stage !== "closing") this.destroy();
  }

  /** Nothing of what is under way is finished. */
  destroy(): void {
    this.#socket.destroy();
  }

  // What its exchange asks for.

  get idleTimeoutMs(): number {
    return this.#owner.limits.idleTimeoutMs;
  }

  failure(code: WireErrorCode, facts: FailureFacts = {}): Failure {
    return this.#owner.failure(code, facts);
  }

  wantBody(body: RequestBody): void {
    if (body !== this.#exchange?.incoming) return;
    this.#exchange.continue();
    this.#reader.adjust();
  }

  ended(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.answer.end();
    if (this.#reader.stage === "body") exchange?.incoming?.fail(this.failure("WIRE_CLIENT_CLOSED"));
    if (this.answer.closes) this.#linger();
    else this.#reader.answered();
  }

  broken(lastWords: Uint8Array | undefined, resets: boolean): void {
    this.#exchange = undefined;
    this.#reader.close();
    const socket = this.#socket;
    const end = (): void => (resets ? reset(socket) : void socket.destroy());
    if (lastWords === undefined || !this.answer.staysBroken(lastWords.length)) {
      this.answer.flushDue();
      this.answer.drop();
      end();
      return;
    }
    this.answer.write(lastWords);
    this.answer.flush();
    // A client that does not read must not keep the connection.
    this.#lingering = setTimeout(end, LAST_WORDS_MS).unref();
    socket.write("", end);
  }

  // What its reader tells.

  get headLimits(): HeadLimits {
    return this.#owner.limits;
  }

  open(head: RequestHead): RequestBody | undefined {
    if (head.method === "CONNECT") {
      this.#refuse("WIRE_CONNECT");
      return undefined;
    }
    this.#opened = new ServerExchange<Tls, Failure>(this, head);
    return this.#opened.incoming;
  }

  begin({ method, minorVersion, closes }: RequestHead): void {
    const exchange = this.#opened;
    if (!exchange) return;
    this.#opened = undefined;
    this.#exchange = exchange;
    this.answer.begin(method, minorVersion, closes || this.#closesAfterwards);
    this.#owner.handle(exchange);
  }

  malformed(error: WireError): void {
    this.#refuse(error.code, { cause: error });
  }

  rested(): void {
    if (!this.#isDraining) return;
    this.#reader.close();
    this.#socket.destroySoon();
  }

  get #moment(): Moment {
    const { writableLength, bytesWritten } = this.#socket;
    const { stage, isResting, hasOpened, turns, receivedBytes } = this.#reader;
    return {
      phase: isResting && hasOpened ? "idle" : stage,
      turns,
      isAwaited: stage === "body" && this.#exchange?.isAwaited === true,
      receivedBytes,
      unsentBytes: writableLength,
      sentBytes: bytesWritten - writableLength,
    };
  }

  /** A client that has ended its side is taken to have left: an answer that is still due is given up. */
  #clientEnded(): void {
    if (this.#reader.isHalf) {
      this.#refuse("WIRE_CLIENT_CLOSED");
      return;
    }
    this.#abandon(undefined);
    this.#socket.destroySoon();
  }

  /** Nobody is served any more. Once is enough. */
  #refuse(code: WireErrorCode, facts?: FailureFacts): void {
    if (this.#reader.stage === "closing") return;
    const exchange = this.#exchange;
    const hasLeft = code === "WIRE_CLIENT_CLOSED";
    const failure = this.failure(hasLeft ? "WIRE_MALFORMED" : code, facts);
    // To a client that left in the middle nothing is refused, and one whose answer has begun is not told.
    const isTold = exchange !== undefined && !exchange.headSent && !hasLeft;
    if (!isTold && !hasLeft) this.#owner.refused(failure);
    this.#abandon(isTold ? failure : undefined);
    // Words of ours in the middle of an answer would be taken for a part of it.
    if (exchange?.headSent === true) {
      this.destroy();
      return;
    }
    this.#socket.write(refusalBytes(this.#owner.refusal(failure)));
    this.#linger();
  }

  /** `reason`: by default, that the client has left. */
  #abandon(reason: Failure | undefined): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#reader.close();
    this.answer.drop();
    exchange?.clientGone(reason ?? this.failure("WIRE_CLIENT_CLOSED", { cause: this.#fault }));
  }

  /**
   * Ends our side, throws away what comes, and closes when the client has, or a while after it could have: to close with
   * unread bytes would reset the connection, and the client might lose the answer (RFC 9112 section 9.6).
   */
  #linger(): void {
    this.#reader.close();
    // Until all is out, the limit is that of a client that takes nothing of its answer.
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.#lingering = setTimeout(() => this.destroy(), LINGER_MS).unref();
    });
  }

  #closeAfterwards(): void {
    this.#closesAfterwards = true;
    if (this.#exchange?.headSent === false) this.answer.closes = true;
  }

  #closed(): void {
    clearTimeout(this.#lingering);
    this.#abandon(undefined);
    this.#owner.closed(this);
  }
}

/** Over TLS node resets nothing. */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}
