/** A simulated LLM provider: OpenAI's endpoints on a port, and a hand on all that can go wrong there. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Connections } from "./connections.ts";
import { FaultPlan, type Fault, type FaultScope } from "./faults.ts";
import { KeyBook, type KeyLimit, type KeyRule } from "./keys.ts";
import { answerOptions, type SimulatorOptions } from "./options.ts";
import { RequestLog, type ReceivedRequest, type RequestPredicate } from "./record.ts";
import { serve, type Household } from "./serve.ts";
import { Store } from "./store.ts";

/** A running simulator. */
export interface Simulator extends AsyncDisposable {
  /** `http://127.0.0.1:8081`. */
  readonly origin: string;
  /** `127.0.0.1:8081`. */
  readonly host: string;
  readonly port: number;
  /** In the order in which their heads arrived; at most `recordLimit`. */
  readonly requests: readonly ReceivedRequest[];
  /** Each key once, in the order of its first appearance. */
  readonly keysSeen: readonly string[];
  /** Sockets that are open now, and that were opened in all. */
  readonly connections: { readonly open: number; readonly opened: number };
  /** Why connections were closed whose bytes were no HTTP request: the parser's codes, at most 1000. */
  readonly malformed: readonly string[];

  /** Replaces all keys; undefined: any key is good. */
  setKeys(keys: readonly (string | KeyRule)[] | undefined): void;
  addKey(key: string | KeyRule): void;
  /** From now on 401, also where any key is good. */
  revokeKey(key: string): void;
  /** Counting begins anew. */
  limitKey(key: string, limit: KeyLimit): void;

  /** The next request, or the next that `when` is true of; a list: one request each, in turn. */
  fault(fault: Fault | readonly Fault[], scope?: FaultScope): void;
  clearFaults(): void;
  /** Stops listening: the system refuses new connections. Idle connections are closed, busy ones stay. */
  refuseConnections(): void;
  /** Listens again on the same port. Throws SIMULATOR_LISTEN. */
  acceptConnections(): Promise<void>;
  /** Closes the connections that carry no request, as a provider does with idle ones. */
  closeIdleConnections(): void;

  /** The first request, past or to come, that has arrived with its body. Rejects with SIMULATOR_CLOSED. */
  waitForRequest(wanted?: RequestPredicate): Promise<ReceivedRequest>;
  /** The first request, past or to come, whose client left before its answer was complete. Rejects with SIMULATOR_CLOSED. */
  waitForAbort(wanted?: RequestPredicate): Promise<ReceivedRequest>;

  /** Forgets requests and keys seen, and clears faults; keys and stored files stay. */
  clear(): void;
  /** Cuts every connection at once. Twice is the same as once. */
  close(): Promise<void>;
}

const SLOW = { slow: { latencyMs: 500, delayMs: 200 } };
const HEADER_LIMIT_BYTES = 1024 * 1024;
const MALFORMED_LIMIT = 1000;

/** Listens and answers. Throws SIMULATOR_LISTEN when the port cannot be had. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const house = createHousehold(options, (socket) => http.emit("connection", socket));
  const malformed: string[] = [];
  const http = createServer({ maxHeaderSize: HEADER_LIMIT_BYTES, keepAliveTimeout: options.keepAliveTimeoutMs ?? 0 });
  http.requestTimeout = 0;
  http.headersTimeout = 0;
  http.on("request", (incoming, response) => begin(house, incoming, response, () => {}));
  http.on("checkContinue", (incoming, response) => begin(house, incoming, response, () => response.writeContinue()));
  http.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== "ECONNRESET" && malformed.length < MALFORMED_LIMIT) malformed.push(error.code ?? "UNKNOWN");
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });
  house.keys.set(options.keys);
  await house.connections.listen();
  return controls(house, malformed);
}

function begin(house: Household, incoming: IncomingMessage, response: ServerResponse, mayBegin: () => void): void {
  // A fault in the simulator itself must show in the test that met it, and must not end the process.
  serve(house, incoming, response, mayBegin).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end(`the simulator itself failed: ${reason}`);
  });
}

function createHousehold(options: SimulatorOptions, onSocket: ConstructorParameters<typeof Connections>[2]): Household {
  const now = options.now ?? Date.now;
  return {
    connections: new Connections(options.host ?? "127.0.0.1", options.port ?? 0, onSocket),
    log: new RequestLog(options.recordLimit ?? 1000),
    keys: new KeyBook({ anonymous: options.anonymous ?? false, echoKey: options.echoKey ?? false, now }),
    faults: new FaultPlan(),
    store: new Store(),
    models: options.models,
    answer: answerOptions(options),
    answersByModel: options.answersByModel ?? SLOW,
    organization: options.organization ?? "org-simulated",
    basePaths: options.basePaths ?? ["/v1", ""],
    bodyLimitBytes: options.bodyLimitBytes ?? 64 * 1024 * 1024,
    now,
  };
}

function controls(house: Household, malformed: readonly string[]): Simulator {
  const { connections, log, keys, faults } = house;
  const { port } = connections;
  const host = connections.host.includes(":") ? `[${connections.host}]:${port}` : `${connections.host}:${port}`;
  const close = async () => {
    connections.refuse();
    connections.destroyAll();
    log.close();
    await Promise.resolve();
  };
  return {
    origin: `http://${host}`,
    host,
    port,
    requests: log.entries,
    keysSeen: log.keysSeen,
    malformed,
    get connections() {
      return { open: connections.open, opened: connections.opened };
    },
    setKeys: (list) => keys.set(list),
    addKey: (key) => keys.add(key),
    revokeKey: (key) => keys.revoke(key),
    limitKey: (key, limit) => keys.limit(key, limit),
    fault: (fault, scope) => faults.add(fault, scope),
    clearFaults: () => faults.clear(),
    refuseConnections: () => connections.refuse(),
    acceptConnections: () => connections.listen(),
    closeIdleConnections: () => connections.closeIdle(),
    waitForRequest: (wanted = () => true) => log.wait(wanted),
    waitForAbort: (wanted = () => true) => log.wait((request) => request.aborted && wanted(request)),
    clear() {
      log.clear();
      faults.clear();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
