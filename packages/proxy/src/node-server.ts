/** A port, served by node:http: accepts, makes exchanges, drains and closes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Exchange } from "./exchange.ts";
import { NodeConnection } from "./node-connection.ts";
import { NodeExchange } from "./node-exchange.ts";
import type { Fault } from "./node-refusal.ts";

export interface ServerOptions {
  readonly port: number;
  /** Undefined: every address, IPv6 and IPv4. */
  readonly address?: string | undefined;
  /** Several threads listen on one port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /** Must not throw; a rejected promise is a bug and ends the process. */
  readonly handle: (exchange: Exchange) => void;
  readonly connectionOpened: () => void;
  readonly connectionClosed: () => void;
  /** A connection that the system could not accept. */
  readonly fault: (error: Error) => void;
}

export interface ListeningServer {
  readonly port: number;
  readonly address: string;
  /** Stops accepting, lets requests in flight finish until the deadline, then cuts what is left. Twice is the same as once. */
  close(deadlineMs: number): Promise<void>;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_HEADERS = 1000;
const HEAD_TIMEOUT_MS = 60_000;
// For the whole request with its body, which may be a long recording over a slow line.
const REQUEST_TIMEOUT_MS = 600_000;
// A load balancer's idle time is most often 60 s; ours is longer, so that it is the one who closes.
const KEEP_ALIVE_MS = 75_000;

/** Rejects with node's own error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
export async function serve(options: ServerOptions): Promise<ListeningServer> {
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Refused on the road, with an answer that can be read.
    requireHostHeader: false,
  });
  server.maxHeadersCount = MAX_HEADERS;
  const connections = new Connections(server, options);
  await listen(server, options);
  server.on("error", options.fault);
  const { port, address } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    port,
    address,
    close(deadlineMs) {
      closing ??= connections.drain(deadlineMs);
      return closing;
    },
  };
}

class Connections {
  readonly #server: Server;
  readonly #options: ServerOptions;
  readonly #open = new Map<Socket, NodeConnection>();
  #draining = false;

  constructor(server: Server, options: ServerOptions) {
    this.#server = server;
    this.#options = options;
    server.on("connection", (socket: Socket) => this.#opened(socket));
    server.on("request", (request, response) => this.#receive(request, response, false));
    server.on("checkContinue", (request, response) => this.#receive(request, response, true));
    // Node would answer by itself, out of sight of the log.
    server.on("checkExpectation", (request, response) => this.#receive(request, response, false));
    server.on("clientError", (error: Fault, socket: Socket) => this.#open.get(socket)?.malformed(error));
    server.on("connect", (_request: IncomingMessage, socket: Socket) => {
      this.#open.get(socket)?.refuse({ code: "CONNECT" });
    });
  }

  drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const connection of this.#open.values()) connection.drain();
      this.#server.closeIdleConnections();
    });
  }

  #opened(socket: Socket): void {
    const connection = new NodeConnection(socket, this.#options.handle);
    this.#open.set(socket, connection);
    this.#options.connectionOpened();
    if (this.#draining) connection.drain();
    // One listener a connection, not one a request: node tells none but the request whose answer is on its way.
    socket.once("close", () => {
      this.#open.delete(socket);
      connection.closed();
      this.#options.connectionClosed();
    });
  }

  #receive(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#open.get(request.socket);
    if (!connection) return;
    const exchange = new NodeExchange(request, response, { expectsContinue });
    response.once("finish", () => connection.finished(exchange));
    response.once("close", () => {
      // Nothing where it was finished; else the connection was cut, by us or by the client.
      if (!response.writableFinished) exchange.clientGone();
      if (this.#draining) this.#server.closeIdleConnections();
    });
    connection.receive(exchange);
  }
}

function listen(server: Server, { port, address, reusePort = false }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(address === undefined ? {} : { host: address }), reusePort, backlog: 1024 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
