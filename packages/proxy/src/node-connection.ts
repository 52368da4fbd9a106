/** One client connection: its requests are served one at a time, in the order in which they came. */
import type { Socket } from "node:net";
import type { Exchange } from "./exchange.ts";
import type { NodeExchange } from "./node-exchange.ts";
import { refuse, type Fault } from "./node-refusal.ts";

/** More requests than anybody sends ahead; node itself would take them without end. */
const MAX_WAITING = 64;

export class NodeConnection {
  readonly #socket: Socket;
  readonly #handle: (exchange: Exchange) => void;
  readonly #waiting: NodeExchange[] = [];
  #current: NodeExchange | undefined;
  #refused = false;
  /** Of what came behind the last request. */
  #fault: Fault | undefined;
  #draining = false;
  #over = false;

  constructor(socket: Socket, handle: (exchange: Exchange) => void) {
    this.#socket = socket;
    this.#handle = handle;
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
    if (exchange.isLast) this.#over = true;
    if (this.#fault && this.#waiting.length === 0 && !this.#over) this.refuse(this.#fault);
    else this.#next();
  }

  /** The connection closes after the answer that is due. */
  drain(): void {
    this.#draining = true;
    this.#current?.closeAfterwards();
    for (const exchange of this.#waiting) exchange.closeAfterwards();
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
    this.#over = true;
    this.#current?.abandon();
    // Words of ours in the middle of an answer would be taken for a part of it.
    if (answering) this.#socket.destroy();
    else refuse(this.#socket, fault);
  }

  closed(): void {
    this.#over = true;
    this.#current?.clientGone();
  }

  #next(): void {
    const exchange = this.#over ? undefined : this.#waiting.shift();
    if (!exchange) return;
    this.#current = exchange;
    this.#handle(exchange);
  }
}
