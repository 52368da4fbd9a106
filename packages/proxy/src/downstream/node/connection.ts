/** One client connection: its requests are served one at a time, in the order in which they came. */
import type { Socket } from "node:net";
import { Progress, PROGRESS_BYTES } from "@keybearer/wire";
import type { ServerOptions } from "../server.ts";
import type { NodeExchange } from "./exchange.ts";
import { ProxyError } from "../../errors.ts";
import { limitOf, type FrontendLimits } from "../../limits.ts";
import { faultError, refuse, type Fault } from "./refusal.ts";

/** More requests than anybody sends ahead; node itself would take them without end. */
const MAX_WAITING = 64;
/** Node's word for half a request and an end. */
const LEFT = "HPE_INVALID_EOF_STATE";

export class NodeConnection {
  readonly #socket: Socket;
  readonly #options: Pick<ServerOptions, "handle" | "limited">;
  readonly #openedMs = performance.now();
  readonly #receiving = new Progress();
  readonly #sending = new Progress();
  readonly #waiting: NodeExchange[] = [];
  #current: NodeExchange | undefined;
  #refused = false;
  /** Of what came behind the last request. */
  #fault: Fault | undefined;
  #draining = false;
  #over = false;
  /** Since when no request is known. */
  #restingMs = performance.now();

  constructor(socket: Socket, options: Pick<ServerOptions, "handle" | "limited">) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Serves it now, or when those before it have their answers. */
  receive(exchange: NodeExchange): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#socket.destroy();
      return;
    }
    if (this.#draining) exchange.closeAfterwards();
    this.#waiting.push(exchange);
    if (!this.#current) this.#next();
  }

  /** The exchange has its whole answer. What was sent behind one that closes the connection is not served. */
  finished(exchange: NodeExchange): void {
    if (exchange !== this.#current) return;
    this.#current = undefined;
    this.#restingMs = performance.now();
    if (exchange.isLast) this.#over = true;
    if (this.#fault && this.#waiting.length === 0 && !this.#over) this.refuse(this.#fault);
    else this.#next();
  }

  /** The connection closes after the answer that is due. */
  drain(): void {
    this.#closeAfterwards();
    // Node counts a connection as busy that has never said a word.
    if (this.#socket.bytesRead === 0) this.#socket.destroy();
  }

  /** The client sent what is no HTTP. */
  malformed(fault: Fault): void {
    const isParserFault = fault.code?.startsWith("HPE_") === true;
    // Its body is what went wrong, and nobody serves it yet.
    if (isParserFault && this.#waiting.at(-1)?.isWhole === false) this.#waiting.pop();
    const last = this.#waiting.at(-1) ?? this.#current;
    // Requests that came whole before it have their answers first.
    if (isParserFault && last?.isWhole) this.#fault ??= fault;
    else this.refuse(fault);
  }

  /** Nothing of what is under way is finished. Once is enough: what still comes is thrown away. */
  refuse(fault: Fault): void {
    if (this.#refused) return;
    this.#refused = true;
    const answering = this.#current?.headSent ?? false;
    const error = faultError(this.#socket, fault);
    // To a client that left in the middle nothing is refused, and one whose answer has begun is not told.
    const reason = fault.code === LEFT || answering ? undefined : error;
    if (error && fault.code !== LEFT && !(reason && this.#current)) this.#count(error);
    this.#over = true;
    this.#current?.abandon(reason);
    // Words of ours in the middle of an answer would be taken for a part of it.
    if (answering) this.#socket.destroy();
    else refuse(this.#socket, error);
  }

  /** From time to time: whether the client keeps moving what is its to move. */
  check(nowMs: number, limits: FrontendLimits): void {
    if (nowMs - this.#openedMs > limits.connectionDurationMs && !this.#draining) {
      this.#options.limited("connection_duration");
      this.#closeAfterwards();
    }
    const exchange = this.#current;
    if (this.#refused) return;
    if (!exchange) {
      this.#checkIdle(nowMs, limits);
      return;
    }
    this.#checkBody(exchange, nowMs, limits.bodyTimeoutMs);
    this.#checkReader(exchange, nowMs, limits.sendTimeoutMs);
  }

  /** Node begins to count anew with every byte, those that begin no request too. */
  #checkIdle(nowMs: number, { idleTimeoutMs, headTimeoutMs }: FrontendLimits): void {
    if (nowMs - this.#restingMs <= idleTimeoutMs + headTimeoutMs) return;
    this.#options.limited("connection_idle");
    this.#socket.destroy();
  }

  #checkBody({ isAwaited }: NodeExchange, nowMs: number, limitMs: number): void {
    if (!isAwaited) this.#receiving.rest();
    else if (this.#receiving.stalledMs(this.#socket.bytesRead, PROGRESS_BYTES, nowMs) > limitMs)
      this.refuse({ code: "BODY_TIMEOUT" });
  }

  #checkReader(exchange: NodeExchange, nowMs: number, limitMs: number): void {
    const { writableLength, bytesWritten } = this.#socket;
    if (writableLength === 0) {
      this.#sending.rest();
    } else if (this.#sending.stalledMs(bytesWritten - writableLength, 1, nowMs) > limitMs) {
      this.#options.limited("client_not_reading");
      this.#over = true;
      exchange.abandon(new ProxyError("client_closed", `The client took nothing of its answer for ${limitMs} ms.`));
      this.#socket.destroy();
    }
  }

  /** Whoever serves the request that is under way is told that it has to end now; without one the connection does. */
  interrupt(reason: ProxyError): void {
    if (this.#current) this.#current.interrupt(reason);
    else this.#socket.destroy();
  }

  closed(): void {
    this.#over = true;
    this.#current?.clientGone();
  }

  /** Of a request that is being served, whoever serves it does. */
  #count({ code }: ProxyError): void {
    const limit = limitOf(code);
    if (limit) this.#options.limited(limit);
  }

  #closeAfterwards(): void {
    this.#draining = true;
    this.#current?.closeAfterwards();
    for (const exchange of this.#waiting) exchange.closeAfterwards();
  }

  #next(): void {
    const exchange = this.#over ? undefined : this.#waiting.shift();
    if (!exchange) return;
    this.#current = exchange;
    this.#options.handle(exchange);
  }
}
