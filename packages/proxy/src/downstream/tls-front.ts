/** TLS before a server of any engine: reads which host a client asks for, and lets that host's listener shake hands. */
import type { Socket } from "node:net";
import type { Server as TlsServer, TLSSocket } from "node:tls";
import { MAX_HELLO_BYTES, readClientHello } from "./client-hello.ts";
import type { Acceptor, ConnectionTls } from "./listener-tls.ts";

/** The listener for a host that was asked for; undefined: none. */
export type ChooseAcceptor = (serverName: string | undefined) => Acceptor | undefined;

export interface TlsOptions {
  /** Asked whenever a connection begins; undefined: without TLS. */
  readonly acceptors: () => ChooseAcceptor | undefined;
  /** From the first byte to the end of the handshake. */
  readonly handshakeTimeoutMs: () => number;
  /** Connections that come before it is resolved wait for it. */
  readonly opened?: Promise<void> | undefined;
  /** Why no connection came of it, in a word: `ERR_SSL_NO_SHARED_CIPHER`. */
  readonly failed: (reason: string, clientAddress: string) => void;
}

const TIMEOUT = "TLS_HANDSHAKE_TIMEOUT";
/** By the client, or by node for a certificate that nobody vouches for: it does not say which, while it can still be told whose. */
const CLOSED = "TLS_HANDSHAKE_CLOSED";
/** A fatal alert, as it stands in a record of its own (RFC 8446 section 6). */
const alert = (code: number): Buffer => Buffer.of(21, 3, 3, 0, 2, 2, code);
const UNRECOGNIZED_NAME = alert(112);
const DECODE_ERROR = alert(50);

const secured = new WeakMap<Socket, ConnectionTls>();

/** Undefined: the connection is a plain one. */
export function connectionTls(socket: Socket): ConnectionTls | undefined {
  return secured.get(socket);
}

export class TlsFront {
  readonly #options: TlsOptions;
  readonly #deliver: (socket: Socket) => void;
  readonly #pending = new Map<string, Handshake>();
  readonly #hooked = new WeakSet<TlsServer>();
  #waitFor: Promise<void> | undefined;
  #closed = false;

  /** `deliver` gets connections once they are secure, or at once where the port is a plain one. */
  constructor(options: TlsOptions, deliver: (socket: Socket) => void) {
    this.#options = options;
    this.#deliver = deliver;
    this.#waitFor = options.opened;
    void options.opened?.then(() => (this.#waitFor = undefined));
  }

  accept(socket: Socket): void {
    const acceptors = this.#waitFor ? undefined : this.#options.acceptors();
    if (!this.#waitFor && !acceptors) {
      this.#deliver(socket);
      return;
    }
    const { handshakeTimeoutMs, failed } = this.#options;
    const handshake = new Handshake(socket, handshakeTimeoutMs(), (reason) => failed(reason, addressOf(socket)));
    const key = connectionKey(socket);
    this.#pending.set(key, handshake);
    socket.once("close", () => {
      if (this.#pending.get(key) === handshake) this.#pending.delete(key);
      // Who never said a word, as a load balancer that looks whether the port is open, has not failed.
      if (this.#closed || (socket.bytesRead === 0 && !handshake.tls)) handshake.end();
      else handshake.fail(CLOSED);
    });
    if (this.#closed) socket.destroy();
    else if (acceptors) this.#begin(handshake, acceptors);
    else void this.#waitFor?.then(() => this.#opened(key, handshake));
  }

  /** Cuts whoever has not finished the handshake: no request of theirs is known yet. */
  close(): void {
    this.#closed = true;
    for (const handshake of this.#pending.values()) handshake.socket.destroy();
  }

  #opened(key: string, handshake: Handshake): void {
    if (handshake.socket.destroyed) return;
    const acceptors = this.#options.acceptors();
    if (acceptors) {
      this.#begin(handshake, acceptors);
      return;
    }
    this.#pending.delete(key);
    handshake.end();
    this.#deliver(handshake.socket);
  }

  #begin(handshake: Handshake, choose: ChooseAcceptor): void {
    handshake.begin((serverName) => {
      const acceptor = choose(serverName);
      if (!acceptor) {
        handshake.refuse("TLS_UNRECOGNIZED_NAME", UNRECOGNIZED_NAME);
        return;
      }
      handshake.tls = { serverName, clientAuthority: acceptor.clientAuthority };
      const server = acceptor.server();
      this.#hook(server);
      server.emit("connection", handshake.socket);
    });
  }

  #hook(server: TlsServer): void {
    if (this.#hooked.has(server)) return;
    this.#hooked.add(server);
    server.on("secureConnection", (socket) => this.#finish(socket));
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      this.#pending.get(connectionKey(socket))?.fail(error.code ?? error.name);
      socket.destroy();
    });
  }

  #finish(socket: TLSSocket): void {
    const key = connectionKey(socket);
    const handshake = this.#pending.get(key);
    // Another port with this listener, one that is being closed, may have handed it over.
    if (!handshake?.tls) return;
    this.#pending.delete(key);
    handshake.end();
    secured.set(socket, handshake.tls);
    const { socket: raw } = handshake;
    // Node resets a TCP connection only.
    socket.resetAndDestroy = () => {
      raw.resetAndDestroy();
      return socket;
    };
    this.#deliver(socket);
  }
}

class Handshake {
  readonly socket: Socket;
  tls: ConnectionTls | undefined;
  readonly #failed: (reason: string) => void;
  readonly #deadline: NodeJS.Timeout;
  #isOver = false;

  constructor(socket: Socket, timeoutMs: number, failed: (reason: string) => void) {
    this.socket = socket;
    this.#failed = failed;
    socket.on("error", () => socket.destroy());
    this.#deadline = setTimeout(() => {
      this.fail(TIMEOUT);
      socket.destroy();
    }, timeoutMs).unref();
  }

  /** Calls back with the host, once. All that was read for it is put back. */
  begin(heard: (serverName: string | undefined) => void): void {
    const { socket } = this;
    const chunks: Buffer[] = [];
    const hear = (chunk: Buffer): void => {
      chunks.push(chunk);
      const received = Buffer.concat(chunks);
      const hello = readClientHello(received);
      if (hello.kind === "incomplete" && received.length <= MAX_HELLO_BYTES) return;
      socket.off("data", hear);
      socket.pause();
      if (hello.kind === "hello") {
        socket.unshift(received);
        heard(hello.serverName);
      } else this.refuse("TLS_NO_CLIENT_HELLO", DECODE_ERROR);
    };
    socket.on("data", hear);
    socket.once("end", () => {
      if (!this.tls) socket.destroy();
    });
  }

  refuse(reason: string, lastWords: Buffer): void {
    this.fail(reason);
    // Nobody reads on: with what is unread, the system may reset the connection, and the words are lost. So be it.
    this.socket.end(lastWords, () => this.socket.destroy());
  }

  /** Nothing has failed. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
  }

  fail(reason: string): void {
    if (this.#isOver) return;
    this.end();
    this.#failed(reason);
  }
}

/** Tells the TCP connections of a port apart: what came of a handshake does not say on which of them it was. */
function connectionKey({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? "unknown"}:${remotePort ?? 0}`;
}
