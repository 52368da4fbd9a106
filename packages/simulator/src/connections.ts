/** The listening socket and the open ones: opened, counted, refused, closed at once. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { SimulatorError } from "./errors.ts";

export class Connections {
  readonly host: string;
  readonly #onSocket: (socket: Socket) => void;
  readonly #open = new Map<Socket, { readonly id: number; requests: number; active: number }>();
  #server: Server | undefined;
  #port: number;
  #opened = 0;

  constructor(host: string, port: number, onSocket: (socket: Socket) => void) {
    this.host = host;
    this.#port = port;
    this.#onSocket = onSocket;
  }

  get port(): number {
    return this.#port;
  }

  get open(): number {
    return this.#open.size;
  }

  get opened(): number {
    return this.#opened;
  }

  /** Throws SIMULATOR_LISTEN. Listening again takes the port of before. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    // Half-open as in node:http's own server: a client that has ended its side still gets its answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    try {
      await once(server.listen(this.#port, this.host), "listening");
    } catch (cause) {
      this.#server = undefined;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SimulatorError("SIMULATOR_LISTEN", `cannot listen on ${this.host}:${this.#port}: ${reason}`, { cause });
    }
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** New connections are refused by the system; idle ones are closed, busy ones stay. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
    this.closeIdle();
  }

  closeIdle(): void {
    for (const [socket, state] of this.#open) if (state.active === 0) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** Notes a request on its socket; the returned function notes its end. */
  enter(socket: Socket): { readonly id: number; readonly requestOnConnection: number; leave(): void } {
    const state = this.#open.get(socket) ?? { id: 0, requests: 0, active: 0 };
    state.requests++;
    state.active++;
    return { id: state.id, requestOnConnection: state.requests, leave: () => void state.active-- };
  }

  #accept(socket: Socket): void {
    this.#opened++;
    this.#open.set(socket, { id: this.#opened, requests: 0, active: 0 });
    socket.once("close", () => this.#open.delete(socket));
    socket.on("error", () => {}); // a client that resets is no fault of ours
    this.#onSocket(socket);
  }
}
