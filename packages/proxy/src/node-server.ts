/** A port, served by node:http: accepts, makes exchanges, drains and closes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { clientOf, type ClientCounts } from "./client-counts.ts";
import type { FrontendLimits } from "./limits.ts";
import { NodeConnection, type ConnectionOptions } from "./node-connection.ts";
import { NodeExchange } from "./node-exchange.ts";
import type { Fault } from "./node-refusal.ts";
import { OverloadFront, type OverloadOptions } from "./node-overload.ts";
import { TlsFront, type TlsOptions } from "./node-tls.ts";

export interface ServerOptions extends ConnectionOptions, OverloadOptions {
  readonly port: number;
  /** Undefined: every address, IPv6 and IPv4. */
  readonly address?: string | undefined;
  /** Several threads listen on one port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /** As they are now: asked whenever a connection begins, and once a second. */
  readonly limits: () => FrontendLimits;
  /** Of all ports together. */
  readonly clients: ClientCounts;
  readonly connectionOpened: () => void;
  readonly connectionClosed: () => void;
  readonly tls: TlsOptions;
  /** A connection that the system could not accept. */
  readonly fault: (error: Error) => void;
}

export interface ListeningServer {
  readonly port: number;
  readonly address: string;
  /** Stops accepting, lets requests in flight finish until the deadline, then cuts what is left. Twice is the same as once. */
  close(deadlineMs: number): Promise<void>;
}

/** How often it is looked whose time is up. */
const CHECK_MS = 1000;

/** Rejects with node's own error (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
export async function serve(options: ServerOptions): Promise<ListeningServer> {
  const server = createServer({
    connectionsCheckingInterval: CHECK_MS,
    // Refused on the road, with an answer that can be read.
    requireHostHeader: false,
  });
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
  readonly #front: TlsFront;
  readonly #overload: OverloadFront;
  readonly #checks: NodeJS.Timeout;
  #limits: FrontendLimits | undefined;
  #draining = false;

  constructor(server: Server, options: ServerOptions) {
    this.#server = server;
    this.#options = options;
    const [serveHttp] = server.listeners("connection");
    const deliver = (socket: Socket): void => {
      // Node takes its limits with it into the connection.
      this.#limit();
      if (serveHttp) Reflect.apply(serveHttp, server, [socket]);
      this.#serve(socket);
    };
    this.#overload = new OverloadFront(options, deliver);
    server.removeAllListeners("connection").on("connection", (socket: Socket) => this.#opened(socket));
    server.on("request", (request, response) => this.#receive(request, response, false));
    server.on("checkContinue", (request, response) => this.#receive(request, response, true));
    // Node would answer by itself, out of sight of the log.
    server.on("checkExpectation", (request, response) => this.#receive(request, response, false));
    server.on("clientError", (error: Fault, socket: Socket) => this.#open.get(socket)?.malformed(error));
    server.on("connect", (_request: IncomingMessage, socket: Socket) => {
      this.#open.get(socket)?.refuse({ code: "CONNECT" });
    });
    server.on("timeout", (socket: Socket) => {
      options.limited("connection_idle");
      socket.destroy();
    });
    this.#front = new TlsFront(server, options.tls);
    server.on("connection", (socket: Socket) => this.#admit(socket));
    this.#limit();
    this.#checks = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), deadlineMs);
      this.#server.close(() => {
        clearTimeout(cut);
        clearInterval(this.#checks);
        resolve();
      });
      for (const connection of this.#open.values()) connection.drain();
      this.#server.closeIdleConnections();
      this.#front.close();
      this.#overload.close();
    });
  }

  #limit(): FrontendLimits {
    const limits = this.#options.limits();
    if (limits !== this.#limits) applyLimits(this.#server, limits);
    this.#limits = limits;
    return limits;
  }

  /** A TCP connection; with TLS, its handshake is still to come. */
  #admit(socket: Socket): void {
    const { clients, limited } = this.#options;
    const { keepAlive, ...limits } = this.#limit();
    const client = clientOf(socket.remoteAddress ?? "");
    const refused = clients.enter(client, limits);
    if (refused) {
      limited(refused);
      // Nothing of it stays behind, as it would in TIME_WAIT.
      socket.resetAndDestroy();
      return;
    }
    socket.once("close", () => clients.leave(client));
    if (keepAlive !== "off") socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
  }

  #check(): void {
    const limits = this.#limit();
    const nowMs = performance.now();
    for (const connection of this.#open.values()) connection.check(nowMs, limits);
  }

  /** A connection on which requests may come. */
  #opened(socket: Socket): void {
    this.#options.connectionOpened();
    socket.once("close", () => this.#options.connectionClosed());
    this.#overload.accept(socket, this.#limit());
  }

  #serve(socket: Socket): void {
    const connection = new NodeConnection(socket, this.#options);
    this.#open.set(socket, connection);
    if (this.#draining) connection.drain();
    // One listener a connection, not one a request: node tells none but the request whose answer is on its way.
    socket.once("close", () => {
      this.#open.delete(socket);
      connection.closed();
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

/** Node reads them anew for each connection. */
function applyLimits(server: Server, limits: FrontendLimits): void {
  server.maxHeadersCount = limits.headers;
  server.requestTimeout = limits.receiveTimeoutMs;
  // Of the two, node takes the shorter for the head.
  server.headersTimeout = Math.min(limits.headTimeoutMs, limits.receiveTimeoutMs);
  server.keepAliveTimeout = limits.idleTimeoutMs;
  // Not documented, but read where the others are.
  Object.assign(server, { maxHeaderSize: limits.headBytes });
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
