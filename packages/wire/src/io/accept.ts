/** Lets an accepted connection be read into shared memory, where node would allocate for each read. */
import { Socket } from "node:net";
import type { SharedBuffers } from "./shared-buffers.ts";

/** Gets `length` bytes at the beginning of `buffers.reading`, valid during the call. */
export type OnRead = (length: number) => void;

/**
 * Gives the connection to a socket that reads into `buffers`, with what came before unread and its end not seen. The socket
 * given is a husk from then on: it has no connection and is destroyed when the other one closes, so that whoever listens for
 * its "close" is told, and its server counts right.
 *
 * Undefined: it is of another kind (TLS, a pipe), or this Node does not have what that needs; the socket is as it was. A
 * socket that is given its handle is not documented; `onread` is.
 */
export function readIntoShared(socket: Socket, buffers: SharedBuffers, onRead: OnRead): Socket | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (socket.constructor !== Socket || !canReadInto(handle) || socket.readableLength > 0) return undefined;
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
  // Of two owners, each would close it.
  Reflect.set(socket, "_handle", null);
  const reader = new Socket(options);
  return reader.once("close", () => socket.destroy());
}

function canReadInto(handle: unknown): handle is object {
  return (
    typeof handle === "object" &&
    handle !== null &&
    ["readStart", "readStop", "useUserBuffer"].every((name) => typeof Reflect.get(handle, name) === "function")
  );
}
