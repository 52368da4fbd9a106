/** A port, served by our own engine: accepts, makes connections, drains and closes. */
import { createServer, type Server, type Socket } from "node:net";
import {
  ServerConnection,
  sharedBuffers,
  type ServerExchange,
  type ServerLimit,
  type ServerOwner,
} from "@keybearer/wire";
import type { ProxyError } from "../../errors.ts";
import { limitOf, type FrontendLimits } from "../../limits.ts";
import { admit } from "../admission.ts";
import { startDeadline } from "../deadline.ts";
import type { ConnectionTls } from "../listener-tls.ts";
import { CHECK_MS, listen, type ListeningServer, type ServerOptions } from "../server.ts";
import { connectionTls, TlsFront } from "../tls-front.ts";
import { failureOf, refusalOf } from "./failures.ts";

/** As `Serve` says. */
export async function serveByWire(options: ServerOptions): Promise<ListeningServer> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const connections = new Connections(server, options);
  return listen(server, options, (deadlineMs) => connections.drain(deadlineMs));
}

class Connections implements ServerOwner<ConnectionTls, ProxyError> {
  readonly buffers = sharedBuffers;
  readonly failure = failureOf;
  readonly refusal = refusalOf;
  limits: FrontendLimits;
  readonly #server: Server;
  readonly #options: ServerOptions;
  readonly #open = new Set<ServerConnection<ConnectionTls, ProxyError>>();
  readonly #front: TlsFront;
  readonly #checks: NodeJS.Timeout;
  #isDraining = false;

  constructor(server: Server, options: ServerOptions) {
    this.#server = server;
    this.#options = options;
    this.limits = options.limits();
    this.#front = new TlsFront(options.tls, (socket) => this.#opened(socket));
    server.on("connection", (socket) => {
      this.limits = options.limits();
      if (admit(socket, options, this.limits)) this.#front.accept(socket);
    });
    this.#checks = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  handle(exchange: ServerExchange<ConnectionTls, ProxyError>): void {
    this.#options.handle(exchange);
  }

  refused({ code }: ProxyError): void {
    const limit = limitOf(code);
    if (limit) this.#options.limited(limit);
  }

  limited(limit: ServerLimit): void {
    this.#options.limited(limit);
  }

  closed(connection: ServerConnection<ConnectionTls, ProxyError>): void {
    this.#open.delete(connection);
    this.#options.connectionClosed();
  }

  drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      const deadline = startDeadline(deadlineMs, {
        interrupt: (reason) => this.#open.forEach((connection) => connection.interrupt(reason)),
        cut: () => this.#open.forEach((connection) => connection.destroy()),
      });
      this.#server.close(() => {
        deadline.clear();
        clearInterval(this.#checks);
        resolve();
      });
      for (const connection of this.#open) connection.drain();
      this.#front.close();
    });
  }

  #opened(socket: Socket): void {
    this.#options.connectionOpened();
    const connection = new ServerConnection<ConnectionTls, ProxyError>(socket, connectionTls(socket), this);
    this.#open.add(connection);
    if (this.#isDraining) connection.drain();
  }

  #check(): void {
    this.limits = this.#options.limits();
    const nowMs = performance.now();
    for (const connection of this.#open) connection.check(nowMs);
  }
}
