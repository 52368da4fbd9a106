/** Lets an accepted connection be read into shared memory, where node would allocate for each read. */
import { Server, Socket } from "node:net";
import type { SharedBuffers } from "./shared-buffers.ts";

/** Gets `length` bytes at the beginning of `buffers.reading`, valid during the call. */
export type OnRead = (length: number) => void;

/**
 * Gives the connection to a socket that reads into `buffers`, with what came before unread and its end not seen. The socket
 * given has no connection from then on and is not closed: who listens for its "close" listens to the other one, and its
 * server counts that one, so that nothing holds it.
 *
 * Undefined: it is of another kind (TLS, a pipe), or this Node does not have what that needs; the socket is as it was. A
 * socket that is given its handle is not documented, nor is how a server counts; `onread` is.
 */
export function readIntoShared(socket: Socket, buffers: SharedBuffers, onRead: OnRead): Socket | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  const server: unknown = Reflect.get(socket, "_server");
  if (socket.constructor !== Socket || !canReadInto(handle) || !isServer(server)) return undefined;
  if (socket.readableLength > 0) return undefined;
  const options: object = {
    handle,
    allowHalfOpen: socket.allowHalfOpen,
    onread: {
      buffer: buffers.reading,
      callback(length: number) {
        onRead(length);
        buffers.readDone();
        return true;
      },
    },
  };
  // Of two owners, each would close it, and each be counted.
  Reflect.set(socket, "_handle", null);
  Reflect.set(socket, "_server", null);
  const reader = new Socket(options);
  Reflect.set(reader, "_server", server);
  for (const listener of socket.listeners("close"))
    reader.once("close", (...facts) => void Reflect.apply(listener, reader, facts));
  return reader;
}

function canReadInto(handle: unknown): handle is object {
  return (
    typeof handle === "object" &&
    handle !== null &&
    ["readStart", "readStop", "useUserBuffer"].every((name) => typeof Reflect.get(handle, name) === "function")
  );
}

function isServer(server: unknown): server is Server {
  return server instanceof Server && typeof Reflect.get(server, "_emitCloseIfDrained") === "function";
}
