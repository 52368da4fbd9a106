/** The answer to what never became a request, written on the socket by hand. */
import type { Socket } from "node:net";
import { ProxyError, type ProxyErrorCode } from "../../errors.ts";
import { plainErrorBody } from "../../error-body.ts";

const VERSION = ["version_not_supported", "The gateway speaks HTTP/1.1 and HTTP/1.0."] as const;

const refusals: Readonly<Record<string, readonly [ProxyErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ["head_too_large", "The request head is too large, or has too many headers."],
  // One code for what is no version and for one that is not spoken; only the reason tells them apart.
  "Invalid HTTP version": VERSION,
  // The preface of HTTP/2.
  HPE_PAUSED_H2_UPGRADE: VERSION,
  ERR_HTTP_REQUEST_TIMEOUT: ["request_too_slow", "The request did not arrive in time."],
  BODY_TIMEOUT: ["request_too_slow", "The request body came too slowly."],
  CONNECT: ["method_not_supported", "CONNECT is not supported."],
};
const MALFORMED = ["invalid_request", "The request is not valid HTTP/1.1."] as const;
const PATIENCE_MS = 1000;

/** Node's own words for what went wrong; `BODY_TIMEOUT` and `CONNECT` are ours. */
export interface Fault {
  readonly code?: string;
  readonly reason?: string;
}

/** Undefined: there is nobody to be told. */
export function faultError(socket: Socket, { code = "", reason = "" }: Fault): ProxyError | undefined {
  if (!socket.writable || code === "ECONNRESET") return undefined;
  return new ProxyError(...(refusals[reason] ?? refusals[code] ?? MALFORMED));
}

/**
 * Answers, and closes when the client has: to close with unread bytes would reset the connection, and the client might lose
 * the answer (RFC 9112 section 9.6).
 */
export function refuse(socket: Socket, error: ProxyError | undefined): void {
  // Node gives up a socket that wants to CONNECT, and its listeners with it.
  socket.on("error", () => socket.destroy());
  if (!error) {
    socket.destroy();
    return;
  }
  const body = plainErrorBody(error);
  const impatience = setTimeout(() => socket.destroy(), PATIENCE_MS).unref();
  socket.once("close", () => clearTimeout(impatience));
  const { STATUS_CODES } = process.getBuiltinModule("node:http");
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ""}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  socket.resume();
}
