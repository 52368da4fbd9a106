/** Opens connections that are read into shared memory: TCP, or TLS that takes up its latest session. */
import { connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { sharedBuffers, type SharedBuffers } from "../io/shared-buffers.ts";
import { ClientError } from "./errors.ts";
import { openShared } from "./reads.ts";

export interface ClientDialOptions {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Without it: clear text. `servername` is `host` by default. */
  readonly tls?: ConnectionOptions | undefined;
  /** Until the connection stands, with its TLS; 1 to 2^31 - 1. */
  readonly connectTimeoutMs: number;
  /** The system's by default. */
  readonly lookup?: LookupFunction;
  readonly buffers?: SharedBuffers;
}

/**
 * Calls `done` once, later, with one of the two. What is returned gives up: `done` is not called then. Where the name has
 * addresses of both kinds, the one that answers first is taken. Errors: the system's, and ClientError UND_ERR_CONNECT_TIMEOUT,
 * UND_ERR_SOCKET.
 */
export type ClientDial = (done: (error: Error | null, socket: Socket | null) => void) => () => void;

/** What opens connections to one address, one for each call. */
export function createClientDial(options: ClientDialOptions): ClientDial {
  const { host, port, tls, lookup, connectTimeoutMs, buffers = sharedBuffers } = options;
  const target = { host, port, autoSelectFamily: true, noDelay: true, ...(lookup ? { lookup } : {}) };
  const name = isIP(host) === 0 ? { servername: host } : {};
  let session: Buffer | undefined;

  const open = (): Socket =>
    openShared(buffers, (onread) => {
      if (!tls) return connect({ ...target, onread });
      const latest = session ? { session } : {};
      const secure: ConnectionOptions & { onread: OnReadOpts } = { ...target, ...name, ...tls, ...latest, onread };
      return connectTls({ ...secure, ALPNProtocols: ["http/1.1"] }).on("session", (next) => (session = next));
    });

  return (done) => {
    const socket = open();
    let isOver = false;
    const conclude = (error: Error | null): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (error) socket.destroy();
      done(error, error ? null : socket);
    };
    const timer = setTimeout(() => conclude(timedOut(options)), connectTimeoutMs);
    socket
      .once(tls ? "secureConnect" : "connect", () => conclude(null))
      .on("error", (error) => conclude(isTimeout(error) ? timedOut(options, error) : error))
      .once("close", () => conclude(new ClientError("UND_ERR_SOCKET", "closed")));
    return () => {
      isOver = true;
      clearTimeout(timer);
      socket.destroy();
    };
  };
}

/** Of several addresses one at least has not answered: what the others said is less telling. */
function isTimeout(error: Error): boolean {
  const codeOf = (each: unknown): unknown => (each instanceof Error && "code" in each ? each.code : undefined);
  return error instanceof AggregateError && [error, ...error.errors].some((each) => codeOf(each) === "ETIMEDOUT");
}

function timedOut({ host, port, connectTimeoutMs }: ClientDialOptions, cause?: Error): ClientError {
  const message = `Connect Timeout Error (attempted address: ${host}:${port}, timeout: ${connectTimeoutMs}ms)`;
  return new ClientError("UND_ERR_CONNECT_TIMEOUT", message, cause ? { cause } : {});
}
