/** The answer to what never became a request, written on the socket by hand. */
import type { Socket } from "node:net";

const refusals: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    "The request head is larger than 64 KiB or has more than 1000 headers.",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request did not arrive in time."],
  CONNECT: ["405 Method Not Allowed", "CONNECT is not supported."],
};
const MALFORMED = ["400 Bad Request", "The request is not valid HTTP/1.1."] as const;
const PATIENCE_MS = 1000;

/** Answers and closes. `code`: node's own for what went wrong, or `CONNECT`. */
export function refuse(socket: Socket, code: string | undefined): void {
  // Node gives up a socket that wants to CONNECT, and its listeners with it.
  socket.on("error", () => socket.destroy());
  if (!socket.writable || code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, message] = refusals[code ?? ""] ?? MALFORMED;
  const body = JSON.stringify({
    error: { message, type: "invalid_request_error", param: null, code: "invalid_request" },
  });
  const destroy = (): void => void socket.destroy();
  const impatience = setTimeout(destroy, PATIENCE_MS).unref();
  socket.once("close", () => clearTimeout(impatience));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
    destroy,
  );
}
