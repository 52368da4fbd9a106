/** Where what a socket reads goes: into shared memory where it was opened for that, else by its events. */
import type { OnReadOpts, Socket } from "node:net";
import type { SharedBuffers } from "../io/shared-buffers.ts";

/** Gets bytes[0..length), valid during the call. It may change them. */
export type Received = (bytes: Buffer, length: number) => void;

interface Reads {
  received: Received | undefined;
  hasMissed: boolean;
}

const known = new WeakMap<Socket, Reads>();

/** The option with which `open` is to make the socket. */
export function openShared<Opened extends Socket>(
  buffers: SharedBuffers,
  open: (onread: OnReadOpts) => Opened,
): Opened {
  const reads: Reads = { received: undefined, hasMissed: false };
  const socket = open({
    buffer: buffers.reading,
    callback(length) {
      if (reads.received) reads.received(buffers.reading, length);
      else reads.hasMissed = true;
      buffers.readDone();
      return true;
    },
  });
  known.set(socket, reads);
  return socket;
}

/** False: bytes have come for which nobody was there. */
export function receive(socket: Socket, received: Received): boolean {
  const reads = known.get(socket);
  if (reads) reads.received = received;
  else socket.on("data", (chunk: Buffer) => received(chunk, chunk.length));
  return !reads?.hasMissed;
}
