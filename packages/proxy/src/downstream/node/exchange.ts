/** An exchange over node:http. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ProxyError } from "../../errors.ts";
import type { Exchange, RequestHead, ReadOptions } from "../../exchange.ts";
import type { ConnectionTls } from "../listener-tls.ts";
import { connectionTls } from "../tls-front.ts";
import { GatheredBody } from "./gathered-body.ts";
import { NodeWriter } from "./writer.ts";

/** How long a client that is still sending may take to read an answer that came early. */
const LINGER_MS = 2000;
/** How long a client may take to read the last words of a broken answer. */
const LAST_WORDS_MS = 1000;

export interface NodeExchangeOptions {
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

export class NodeExchange implements Exchange {
  readonly head: RequestHead;
  readonly clientAddress: string;
  readonly tls: ConnectionTls | undefined;
  receivedBytes = 0;
  sentBytes = 0;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #writer: NodeWriter;
  readonly #socket: Socket;
  #expectsContinue: boolean;
  /** Why nobody waits for the answer any more. */
  #gone: ProxyError | undefined;
  #abandoned = false;
  #saysClose = false;
  #discards = false;
  #goneListener: ((reason: ProxyError) => void) | undefined;
  #stopReading: ((reason: ProxyError) => void) | undefined;
  #drainListener: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, { expectsContinue }: NodeExchangeOptions) {
    this.#request = request;
    this.#response = response;
    this.#writer = new NodeWriter(response);
    this.#socket = request.socket;
    this.#expectsContinue = expectsContinue;
    this.head = {
      method: request.method ?? "GET",
      target: request.url ?? "/",
      headers: request.rawHeaders,
      httpVersion: request.httpVersion,
    };
    this.tls = connectionTls(request.socket);
    const { remoteAddress, remotePort } = request.socket;
    this.clientAddress = `${remoteAddress ?? "unknown"}:${remotePort ?? 0}`;
    // A write to a client that is gone; the server tells the rest.
    response.on("error", (cause) => this.clientGone(clientClosed(cause)));
  }

  get hasBody(): boolean {
    const { headers } = this.#request;
    return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  }

  readBody({ limitBytes, timeout, reserve }: ReadOptions): Promise<Uint8Array> {
    const request = this.#request;
    const length = Number(request.headers["content-length"] ?? -1);
    if (length > limitBytes) return Promise.reject(tooLarge(limitBytes));
    if (length !== -1 && !reserve.take(length)) return Promise.reject(reserve.error);
    if (this.#gone) return Promise.reject(this.#gone);
    this.#sendContinue();
    return new Promise((resolve, reject) => {
      const body = new GatheredBody();
      const stop = (error: ProxyError): void => {
        clearTimeout(timer);
        request.off("data", collect).pause();
        reject(error);
      };
      const collect = (chunk: Buffer): void => {
        this.receivedBytes += chunk.length;
        if (this.receivedBytes > limitBytes) stop(tooLarge(limitBytes));
        else if (length === -1 && !reserve.take(chunk.length)) stop(reserve.error);
        else body.push(chunk);
      };
      const timer = timeout && setTimeout(() => stop(timeout.error), timeout.ms);
      this.#stopReading = stop;
      request.on("data", collect);
      request.on("end", () => {
        clearTimeout(timer);
        this.#stopReading = undefined;
        resolve(body.take());
      });
      request.on("error", (cause) => stop(clientClosed(cause)));
      request.on("close", () => {
        if (!request.complete) stop(clientClosed());
      });
    });
  }

  async *body(limitBytes: number): AsyncIterable<Uint8Array> {
    this.#sendContinue();
    try {
      // The socket must outlive this reader: the answer still goes out on it.
      for await (const chunk of this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        this.receivedBytes += chunk.length;
        if (this.receivedBytes > limitBytes) throw tooLarge(limitBytes);
        yield chunk;
      }
    } catch (error) {
      if (ProxyError.is(error)) throw error;
      // The server may have said why; if not, the client has left.
      throw this.#gone ?? clientClosed(error instanceof Error ? error : undefined);
    } finally {
      // The answer came first, and while this reader stood here nothing could be thrown away.
      if (this.#discards) this.#request.resume();
    }
  }

  onClientGone(listener: (reason: ProxyError) => void): void {
    if (this.#gone) listener(this.#gone);
    else this.#goneListener = listener;
  }

  /** For the server, which sees the socket. */
  clientGone(reason = clientClosed()): void {
    if (this.#gone) return;
    this.#gone = reason;
    this.#writer.drop();
    this.#stopReading?.(reason);
    this.#goneListener?.(reason);
  }

  /** For the connection: whoever serves it is to end it now, with last words or an answer of its own. */
  interrupt(reason: ProxyError): void {
    if (this.#gone) return;
    this.#stopReading?.(reason);
    this.#goneListener?.(reason);
  }

  /** For the connection, which has taken the socket for words of its own. */
  abandon(reason?: ProxyError): void {
    this.#abandoned = true;
    this.clientGone(reason);
  }

  /** The connection ends with this answer, if its head has not said otherwise yet. */
  closeAfterwards(): void {
    if (!this.headSent) this.#response.shouldKeepAlive = false;
  }

  /** Nothing that the client sent after this request may be served. */
  get isLast(): boolean {
    return this.#saysClose || !this.#response.shouldKeepAlive;
  }

  /** It is the client's turn: there is more to come, and of what has come nothing is left. */
  get isAwaited(): boolean {
    const { complete, readableLength } = this.#request;
    return !complete && readableLength === 0 && !this.#expectsContinue && !this.headSent;
  }

  /** The client has sent all of it. */
  get isWhole(): boolean {
    return this.#request.complete;
  }

  get headSent(): boolean {
    return this.#response.headersSent;
  }

  sendHead(status: number, headers: readonly string[], now = false): void {
    if (this.#gone) return;
    this.#saysClose = headers.some((name, index) => index % 2 === 0 && name === "connection");
    // @types/node has the flat form for objects only; node takes it as documented: name, value, name, value.
    this.#response.writeHead(status, headers as string[]);
    if (now) this.#response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#gone) return true;
    this.sentBytes += chunk.length;
    return this.#writer.write(chunk);
  }

  onDrain(listener: () => void): void {
    if (!this.#drainListener) this.#response.on("drain", () => this.#drainListener?.());
    this.#drainListener = listener;
  }

  end(): void {
    if (this.#gone) return;
    if (this.hasBody && !this.#request.complete) this.#discardRest();
    this.#writer.end();
  }

  cut(lastWords?: Uint8Array): void {
    if (lastWords === undefined || this.#gone) {
      this.#break();
      return;
    }
    this.sentBytes += lastWords.length;
    this.#writer.flush();
    // A client that does not read must not keep the connection.
    const impatience = setTimeout(() => this.#break(), LAST_WORDS_MS).unref();
    this.#response.write(lastWords, () => {
      clearTimeout(impatience);
      this.#break();
    });
  }

  #break(): void {
    if (this.#abandoned) return;
    // To HTTP/1.0 a plain close is the regular end of an answer; only a reset says that it broke.
    if (this.head.httpVersion === "1.0" && this.headSent) this.#socket.resetAndDestroy();
    else this.#response.destroy();
  }

  #sendContinue(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (!this.#gone && !this.headSent) this.#response.writeContinue();
  }

  /**
   * The client is still sending. To close with unread bytes would reset the connection, and the client might lose the
   * answer: end our side, throw away what comes, and close when the client has, or after a while (RFC 9112 section 9.6).
   */
  #discardRest(): void {
    const socket = this.#socket;
    this.#discards = true;
    this.#request.resume();
    // Called by node when the last answer of a connection is out; never where it is kept.
    socket.destroySoon = () => {
      socket.end();
      const impatience = setTimeout(() => socket.destroy(), LINGER_MS).unref();
      socket.once("close", () => clearTimeout(impatience));
    };
  }
}

function tooLarge(limitBytes: number): ProxyError {
  return new ProxyError("request_too_large", `The request body is larger than ${limitBytes} bytes.`);
}

function clientClosed(cause?: Error): ProxyError {
  return new ProxyError("client_closed", "The client closed the connection.", { cause });
}
