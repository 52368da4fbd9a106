/** What a server and a client of node:http make of a case: they show that `llhttp.ts` says what node:http says. */
import { createServer, request, type IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Case, Reading } from "./reading.ts";

/** A message, and what has come of its body. */
interface Seen {
  readonly line: string;
  readonly headers: readonly string[];
  body: string;
  isWhole: boolean;
}

export interface Told {
  readonly messages: readonly Seen[];
  /** The code of the parser's error, if it had one. */
  readonly error: string | undefined;
}

const MAX_HEADER_BYTES = 2 ** 24;
/** All is in memory: what has not come by then does not come. */
const MAX_TURNS = 20;

/** What the reading says of those that node:http shows. */
export function expectedOfServer({ messages, end }: Reading): Told {
  const seen = messages.map(({ line, headers, body, end: at }) => ({ line, headers, body, isWhole: at !== -1 }));
  return { messages: seen, error: end.startsWith("HPE_") ? end : undefined };
}

/** A client takes one answer, with what announces it. */
export function expectedOfClient(reading: Reading): Told {
  const { messages, error } = expectedOfServer(reading);
  const answer = messages.findIndex(({ line }) => !line.startsWith("1"));
  const shown = answer === -1 ? messages : messages.slice(0, answer + 1);
  return { messages: shown, error: isAnswered(shown) ? undefined : error };
}

export async function askServer({ bytes }: Case, expected: Told): Promise<Told> {
  const messages: Seen[] = [];
  let error: string | undefined;
  const server = createServer({ requireHostHeader: false, maxHeaderSize: MAX_HEADER_BYTES });
  server.maxHeadersCount = 0;
  const take = (incoming: IncomingMessage, answer: { end(): void }): void => {
    messages.push(watch(incoming, `${incoming.method} ${incoming.url} ${incoming.httpVersion}`));
    incoming.on("end", () => answer.end());
  };
  server.on("request", take).on("checkContinue", take).on("checkExpectation", take);
  server.on("clientError", (thrown: NodeJS.ErrnoException) => (error = thrown.code));
  const connection = inMemory();
  server.emit("connection", connection);
  connection.push(Buffer.from(bytes, "latin1"));
  const told = () => ({ messages, error });
  await settle(told, expected);
  connection.destroy();
  return told();
}

export async function askClient({ bytes, methods = [] }: Case, expected: Told): Promise<Told> {
  const messages: Seen[] = [];
  let error: string | undefined;
  const connection = inMemory();
  const asking = request({
    method: methods[0] ?? "GET",
    maxHeaderSize: MAX_HEADER_BYTES,
    createConnection: () => connection,
  });
  asking.maxHeadersCount = 0;
  asking.on("information", ({ statusCode, statusMessage, httpVersion, rawHeaders }) => {
    const line = `${statusCode} ${statusMessage} ${httpVersion}`;
    messages.push({ line, headers: rawHeaders, body: "", isWhole: true });
  });
  asking.on("response", (incoming) => {
    const { statusCode, statusMessage, httpVersion } = incoming;
    messages.push(watch(incoming, `${statusCode} ${statusMessage} ${httpVersion}`));
    incoming.on("error", (thrown: NodeJS.ErrnoException) => (error ??= parserCode(thrown)));
  });
  asking.on("error", (thrown: NodeJS.ErrnoException) => (error ??= parserCode(thrown)));
  asking.end();
  connection.push(Buffer.from(bytes, "latin1"));
  connection.push(null);
  // What is wrong behind the answer concerns nobody who waits for it.
  const told = () => ({ messages, error: isAnswered(messages) ? undefined : error });
  await settle(told, expected);
  asking.destroy();
  return told();
}

function isAnswered(messages: readonly Seen[]): boolean {
  return messages.some(({ line, isWhole }) => isWhole && !line.startsWith("1"));
}

/** Errors of another kind say that the connection has ended. */
function parserCode({ code }: NodeJS.ErrnoException): string | undefined {
  return code?.startsWith("HPE_") && code !== "HPE_INVALID_EOF_STATE" ? code : undefined;
}

function watch(incoming: IncomingMessage, line: string): Seen {
  const seen: Seen = { line, headers: incoming.rawHeaders, body: "", isWhole: false };
  incoming.on("data", (chunk: Buffer) => (seen.body += chunk.toString("latin1")));
  incoming.on("end", () => (seen.isWhole = true));
  return seen;
}

async function settle(told: () => Told, expected: Told): Promise<void> {
  const text = JSON.stringify(expected);
  for (let turn = 0; turn < MAX_TURNS && JSON.stringify(told()) !== text; turn += 1) await setImmediate();
}

/** A connection whose other end takes everything. */
function inMemory(): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
}
