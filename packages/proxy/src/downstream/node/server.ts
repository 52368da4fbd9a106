/** A port, served by node:http: accepts, makes exchanges, drains and closes. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { hasToken } from "../../framing.ts";
import type { FrontendLimits } from "../../limits.ts";
import { admit } from "../admission.ts";
import { startDeadline } from "../deadline.ts";
import { CHECK_MS, listen, type ListeningServer, type ServerOptions } from "../server.ts";
import { TlsFront } from "../tls-front.ts";
import { NodeConnection } from "./connection.ts";
import { NodeExchange } from "./exchange.ts";
import { OverloadFront } from "./overload.ts";
import type { Fault } from "./refusal.ts";

/** As `Serve` says. */
export async function serveByNode(options: ServerOptions): Promise<ListeningServer> {
  // Loaded here, for whoever serves by another engine does not need it.
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer({
    connectionsCheckingInterval: CHECK_MS,
    // Refused on the road, with an answer that can be read.
    requireHostHeader: false,
  });
  const connections = new Connections(server, options);
  return listen(server, options, (deadlineMs) => connections.drain(deadlineMs));
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
    this.#front = new TlsFront(options.tls, (socket) => this.#opened(socket));
    server.removeAllListeners("connection").on("connection", (socket: Socket) => {
      if (admit(socket, options, this.#limit())) this.#front.accept(socket);
    });
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
    this.#limit();
    this.#checks = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const deadline = startDeadline(deadlineMs, {
        interrupt: (reason) => this.#open.forEach((connection) => connection.interrupt(reason)),
        cut: () => this.#server.closeAllConnections(),
      });
      this.#server.close(() => {
        deadline.clear();
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
    // Behind an upgrade, even one that nobody takes up, node's parser loses what came with it.
    if (asksForUpgrade(request)) exchange.closeAfterwards();
    connection.receive(exchange);
  }
}

/** As node's parser sees it, which looks at no version. */
function asksForUpgrade({ headers: { upgrade, connection = "" } }: IncomingMessage): boolean {
  return upgrade !== undefined && hasToken(connection, "upgrade");
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
