/** One request on a connection of its own: the body of the answer. */
import { connect } from "node:net";
import { AnswerReader } from "./answer-reader.ts";

/** Throws AnswerError for any answer but a 200; the system's error where nobody listens. */
export async function askOnce(port: number, request: Uint8Array): Promise<Buffer> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const reader = new AnswerReader(undefined, { collect: true });
  try {
    socket.write(request);
    for await (const bytes of socket) if (reader.push(bytes)) return reader.body;
    throw new Error("the connection closed before the answer was complete");
  } finally {
    socket.destroy();
  }
}
