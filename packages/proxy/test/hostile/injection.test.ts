import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { RawClient } from "../raw-client.ts";
import { KEY } from "../start-proxy.ts";
import { nodeEngine } from "./engine.ts";
import { within } from "./hold.ts";
import { answerOk, FIELD, readRequest, startRawUpstream, type Answer, type UpstreamRequest } from "./raw-upstream.ts";

const RUNS = { numRuns: 150 };

async function start(answer: Answer = answerOk) {
  const upstream = await startRawUpstream(answer);
  onTestFinished(() => upstream.close());
  const engine = await nodeEngine.start(upstream.host);
  onTestFinished(() => engine.close());
  let seen = 0;
  return {
    upstream,
    faults: engine.faults,
    /** Resolves with all that came back until the connection ended, which the bytes must bring about. */
    async send(bytes: string): Promise<string> {
      const client = await RawClient.connect(engine.port);
      client.send(bytes);
      await within(client.ended, "the connection to end");
      client.close();
      return client.unread.toString("latin1");
    },
    /** What the upstream has seen since this was last asked. */
    requests(): readonly UpstreamRequest[] {
      const found = upstream.requests.slice(seen);
      seen = upstream.requests.length;
      return found;
    },
  };
}

/** Fragments of which heads and the attacks on them are made. */
const fragments = (...more: readonly string[]) =>
  fc
    .array(
      fc.oneof(
        {
          weight: 3,
          arbitrary: fc.constantFrom(
            "\r",
            "\n",
            "\r\n",
            "\r\n\r\n",
            "\x00",
            "\t",
            ":",
            ";",
            "\x0b",
            "\x7f",
            "\x85",
            "\xa0",
          ),
        },
        { weight: 3, arbitrary: fc.constantFrom("X-B: 1", "Host: b", "Set-Cookie: a=b", "Connection: close", ...more) },
        {
          weight: 2,
          arbitrary: fc.string({
            unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
            maxLength: 4,
          }),
        },
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(""));

const framing = [
  "Content-Length: 3",
  "Transfer-Encoding: chunked",
  "0\r\n\r\n",
  "3\r\nabc",
  "GET /b HTTP/1.1",
  " ",
  "abc",
];

/** Whatever the bytes before it leave open, this ends. */
const LAST = `GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${"\x00".repeat(70_000)}`;

/** All requests that a strict reader finds in the bytes, up to the first thing that is none. */
function readStrictly(bytes: string): UpstreamRequest[] {
  const found: UpstreamRequest[] = [];
  try {
    for (let rest = bytes; ;) {
      // Line ends before a request line: RFC 9112 section 2.2 wants one CRLF ignored, llhttp ignores all.
      rest = rest.replace(/^[\r\n]+/, "");
      const next = readRequest(rest);
      if (!next) return found;
      found.push(next.request);
      rest = rest.slice(next.length);
    }
  } catch {
    return found;
  }
}

test("the upstream sees what a strict reader finds in the client's bytes, or less, and nothing else", async () => {
  const bed = await start();
  await fc.assert(
    fc.asyncProperty(fragments(), fragments(...framing), fragments(...framing), async (target, value, behind) => {
      const bytes = `POST /${target.replaceAll(" ", "")} HTTP/1.1\r\nHost: a\r\nX-A: ${value}\r\n\r\n${behind}${LAST}`;
      await bed.send(bytes);
      const strict = readStrictly(bytes);
      bed.requests().forEach(({ method, target: path, headers, body }, index) => {
        expect({ method, target: path, body }).toEqual({
          method: strict[index]?.method,
          target: strict[index]?.target,
          body: strict[index]?.body,
        });
        const known = new Set(strict[index]?.headers.map(([name]) => name));
        for (const [name] of headers) if (!OURS.has(name)) expect(known).toContain(name);
      });
      expect(bed.upstream.violations).toEqual([]);
      expect(bed.faults).toEqual([]);
    }),
    RUNS,
  );
});

/** What the engine may add to a head by itself. */
const OURS = new Set(["host", "connection", "content-length", "transfer-encoding", "x-request-id"]);

test("neither a model's name nor query, path or header reaches the upstream's head as anything but what it is", async () => {
  const bed = await start();
  const text = fc.oneof(fragments(), fc.string({ unit: "binary", maxLength: 12 }).map(withoutHalves));
  await fc.assert(
    fc.asyncProperty(text, text, text, async (model, query, value) => {
      const body = Buffer.from(JSON.stringify({ model, messages: [] })).toString("latin1");
      const header = value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "").trim();
      const target = `/v1/chat/completions?q=${encodeURIComponent(query)}`;
      await bed.send(
        `POST ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-A: ${header}\r\nX-Request-Id: ${header}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const [request, ...others] = bed.requests();
      expect(others).toEqual([]);
      expect({ ...request, headers: undefined }).toEqual({ method: "POST", target, body, headers: undefined });
      const names = request?.headers.map(([name]) => name).toSorted();
      expect(names).toEqual([
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "host",
        "x-a",
        "x-request-id",
      ]);
      const valueOf = (name: string) => request?.headers.find((each) => each[0] === name)?.[1];
      expect([valueOf("x-a"), valueOf("authorization"), valueOf("host")]).toEqual([
        header,
        `Bearer ${KEY}`,
        bed.upstream.host,
      ]);
      expect(bed.upstream.violations).toEqual([]);
    }),
    RUNS,
  );
});

/** encodeURIComponent throws at half a character. */
function withoutHalves(text: string): string {
  return text.toWellFormed();
}

test("an answer's headers reach the client as the upstream wrote them, or not at all", async () => {
  let head = "";
  const bed = await start((_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nX-A: ${head}\r\nContent-Length: 2\r\n\r\nok`, "latin1");
    // What breaks off in its body breaks off here: nothing waits for more.
    socket.end();
  });
  await fc.assert(
    fc.asyncProperty(fragments("Content-Length: 3", "Transfer-Encoding: chunked", "HTTP/1.1 200 OK"), async (value) => {
      head = value;
      const received = await bed.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      const [line = "", ...fields] = received.slice(0, received.indexOf("\r\n\r\n")).split("\r\n");
      expect(line).toMatch(/^HTTP\/1\.1 (?:200 OK|502 Bad Gateway)$/);
      const written = new Set(`X-A: ${value}`.split("\r\n").map((field) => FIELD.exec(field)?.[1]?.toLowerCase()));
      for (const field of fields) {
        const name = FIELD.exec(field)?.[1]?.toLowerCase();
        expect(name).toBeDefined();
        if (!ANSWERED.has(name ?? "")) expect(written).toContain(name);
      }
      expect(fields.filter((field) => /^(?:content-length|transfer-encoding):/i.test(field)).length).toBeLessThan(2);
      expect(bed.faults).toEqual([]);
    }),
    RUNS,
  );
});

const ANSWERED = new Set([
  "x-request-id",
  "content-type",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "date",
]);
