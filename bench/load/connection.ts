/** One connection of the generator: sends a request, calls back when the answer is complete. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { AnswerReader } from "./answer-reader.ts";
import type { Target } from "./contract.ts";

// Shared by all: what is read is used up before the next read.
const readBuffer = Buffer.alloc(256 * 1024);

export interface Listener {
  /** `complete`: the answer is; else a part of it came. */
  onAnswer(connection: Connection, complete: boolean): void;
  onFault(connection: Connection, reason: string): void;
}

export class Connection {
  busy = false;
  /** When the present request was sent. */
  sentAt = 0;
  readonly reader: AnswerReader;
  readonly #socket: Socket;
  readonly #request: Uint8Array;

  private constructor(socket: Socket, reader: AnswerReader, request: Uint8Array) {
    this.#socket = socket;
    this.reader = reader;
    this.#request = request;
  }

  static async open({ port, request, expected, status }: Target, listener: Listener): Promise<Connection> {
    const reader = new AnswerReader(expected, { status });
    const socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback(length) {
          connection.#read(readBuffer.subarray(0, length), listener);
          return true;
        },
      },
    });
    const connection = new Connection(socket, reader, request);
    await once(socket, "connect");
    socket.on("error", (error) => connection.#fail(error.message, listener));
    socket.on("close", () => connection.#fail("connection closed", listener));
    return connection;
  }

  send(): void {
    this.busy = true;
    this.sentAt = performance.now();
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #read(bytes: Buffer, listener: Listener): void {
    try {
      if (!this.busy) throw new Error("an answer that nobody asked for");
      const complete = this.reader.push(bytes);
      if (complete) this.busy = false;
      listener.onAnswer(this, complete);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error), listener);
    }
  }

  #fail(reason: string, listener: Listener): void {
    this.busy = false;
    this.close();
    listener.onFault(this, reason);
  }
}
