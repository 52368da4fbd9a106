/**
 * Connections that begin while there are enough requests under way: each request on them is told so without being read.
 * An HTTP server that looked at it first would spend more than that on it.
 */
import type { Socket } from "node:net";
import type { FrontendLimits } from "../../limits.ts";
import type { ServerOptions } from "../server.ts";
import { SHED_BODY, SHED_HEAD, SHED_STATUS } from "../../overload.ts";

type OverloadOptions = Pick<ServerOptions, "isOverloaded" | "limited">;

const lines = SHED_HEAD.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
const ANSWER = Buffer.concat([
  Buffer.from(`HTTP/1.1 ${SHED_STATUS} Service Unavailable\r\n${lines.join("")}\r\n`),
  SHED_BODY,
]);

export class OverloadFront {
  readonly #options: OverloadOptions;
  readonly #deliver: (socket: Socket) => void;
  readonly #held = new Set<Socket>();

  /** `deliver` gets connections of which nothing is answered or lost, for the HTTP server. */
  constructor(options: OverloadOptions, deliver: (socket: Socket) => void) {
    this.#options = options;
    this.#deliver = deliver;
  }

  accept(socket: Socket, { idleTimeoutMs }: Pick<FrontendLimits, "idleTimeoutMs">): void {
    if (this.#options.isOverloaded()) this.#hold(socket, idleTimeoutMs);
    else this.#deliver(socket);
  }

  /** None of them waits for an answer. */
  close(): void {
    for (const socket of this.#held) socket.destroy();
  }

  #hold(socket: Socket, idleTimeoutMs: number): void {
    const { isOverloaded, limited } = this.#options;
    const listeners: Readonly<Record<string, (chunk: Buffer) => void>> = {
      data: (chunk) => {
        if (!isOverloaded() || !isOneRequest(chunk)) {
          release();
          this.#release(socket, chunk);
          return;
        }
        limited("overloaded");
        // Who sends and does not read is not served either.
        if (!socket.write(ANSWER)) socket.destroy();
      },
      end: () => socket.end(),
      error: () => socket.destroy(),
      timeout: () => {
        limited("connection_idle");
        socket.destroy();
      },
      close: () => this.#held.delete(socket),
    };
    const release = (): void => Object.entries(listeners).forEach(([event, listener]) => socket.off(event, listener));
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    socket.setTimeout(idleTimeoutMs);
    this.#held.add(socket);
  }

  #release(socket: Socket, chunk: Buffer): void {
    this.#held.delete(socket);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(chunk);
    this.#deliver(socket);
    socket.resume();
  }
}

// As strict as RFC 9112: when there is room again, the server goes on behind it.
const HEAD =
  /^(?:GET|POST|PUT|PATCH|DELETE) [!-~]+ HTTP\/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+$/;
const LENGTH = /\ncontent-length:([^\r]*)/gi;
/** What leaves a doubt where the request ends, or what becomes of the connection. */
const DOUBTFUL = /\n(?:transfer-encoding:|expect:|upgrade:|connection:(?![ \t]*keep-alive[ \t]*\r))/i;

/** Whether it is one request, the whole of it and nothing else. False where there is any doubt. */
function isOneRequest(chunk: Buffer): boolean {
  const end = chunk.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const head = chunk.toString("latin1", 0, end + 2);
  if (!HEAD.test(head) || DOUBTFUL.test(head)) return false;
  const [length = "0", ...more] = Array.from(head.matchAll(LENGTH), ([, text = ""]) => text.trim());
  return more.length === 0 && /^\d{1,9}$/.test(length) && chunk.length === end + 4 + Number(length);
}
