/** Clients that speak no HTTP, and clients that go away in the middle, each on a connection of its own. */
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Ledger, Outcome } from "./ledger.ts";

const LIMIT_MS = 20_000;

/** What the parser will not take, and the status that says so. */
const malformed: readonly (readonly [request: string, status: number])[] = [
  ["\x16\x03\x01 this is no HTTP\r\n\r\n", 400],
  ["GET /v1/models HTTP/1.1\r\nHost: a\r\nno colon in here\r\n\r\n", 400],
  ["GET /v1/models HTTP/1.1\r\nHost: a\r\nna me: value\r\n\r\n", 400],
  ["POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400],
  ["POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  ["CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 405],
];

/** `turn`: which of them. */
export async function speakNoHttp(url: string, ledger: Ledger, turn: number): Promise<void> {
  const [request = "", status = 0] = malformed[turn % malformed.length] ?? [];
  const beganMs = performance.now();
  const answer = async (): Promise<Outcome> => {
    const socket = open(url);
    try {
      socket.write(request);
      const said = await text(socket);
      if (said.startsWith(`HTTP/1.1 ${status} `)) return { kind: "refused" };
      return { kind: "lost", wrong: `expected ${status} for ${JSON.stringify(request)}, got ${JSON.stringify(said)}` };
    } catch (error) {
      return { kind: "lost", wrong: String(error) };
    } finally {
      socket.destroy();
    }
  };
  const outcome = await answer();
  ledger.enter({ name: "no HTTP", id: ledger.nextId(), beganMs, outcome });
}

/** Where it goes away: once it has seen the first content of a stream, or after half of a body that the gateway waits for. */
export async function goAway(url: string, ledger: Ledger, where: "in mid-stream" | "in mid-upload"): Promise<void> {
  const id = ledger.nextId();
  const beganMs = performance.now();
  const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }], stream: true });
  const isUpload = where === "in mid-upload";
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `Host: ${new URL(url).host}`,
    `X-Request-Id: ${id}`,
    "X-Simulate: events=100000, delay-ms=5",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    ...(isUpload ? ["Expect: 100-continue"] : []),
  ];
  const socket = open(url);
  const outcome = await leave(socket, {
    said: `${head.join("\r\n")}\r\n\r\n${isUpload ? "" : body}`,
    heard: isUpload ? /^HTTP\/1\.1 100 / : /^HTTP\/1\.1 200 [^]*"content":"./,
    lastWords: isUpload ? body.slice(0, body.length / 2) : "",
  });
  ledger.enter({ name: `a client that leaves ${where}`, id, beganMs, outcome });
}

interface Leaving {
  readonly said: string;
  /** Then it is time to go. */
  readonly heard: RegExp;
  readonly lastWords: string;
}

async function leave(socket: Socket, { said, heard, lastWords }: Leaving): Promise<Outcome> {
  let received = "";
  try {
    socket.write(said);
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      received += String(chunk);
      if (heard.test(received)) {
        if (lastWords !== "") await new Promise<void>((resolve) => void socket.write(lastWords, () => resolve()));
        return { kind: "left" };
      }
      const [, status] = /^HTTP\/1\.1 ([3-5]\d\d) [^]*\}$/.exec(received) ?? [];
      if (received.includes('"code":"overloaded"')) return { kind: "shed" };
      if (status !== undefined) return { kind: "answered", status: Number(status), wrong: received };
    }
    return { kind: "lost", wrong: `ended after ${JSON.stringify(received)}` };
  } catch (error) {
    return { kind: "lost", wrong: `${String(error)} after ${JSON.stringify(received)}` };
  } finally {
    socket.resetAndDestroy();
  }
}

function open(url: string): Socket {
  const { port } = new URL(url);
  const socket = connect({ port: Number(port), host: "127.0.0.1" });
  // Whoever reads it is told, too; this one is for the time after that.
  socket.on("error", () => undefined);
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`nothing came for ${LIMIT_MS} ms`)));
  return socket;
}
