import { errors } from "undici";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answering, ask, codeOf, open, startUpstream, writeApart } from "./client-bed.ts";

const CHUNKED = "Transfer-Encoding: chunked";
const answers = {
  "of a length": "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello world",
  "in chunks": `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\n5\r\nhello\r\n1;a="b"\r\n \r\n5\r\nworld\r\n0\r\nX-T: 1\r\n\r\n`,
  "behind others": "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok",
  "without content": "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
};

describe.each(Object.entries(answers))("an answer %s", (_name, bytes) => {
  test("is the same however it is cut in two", async () => {
    let pieces = [bytes];
    const { port, sockets } = await startUpstream(answering((_path, socket) => void writeApart(socket, pieces)));
    const connection = await open(port);
    const whole = await ask(connection).answer;
    expect(whole.status).toBeGreaterThan(199);
    for (let at = 1; at < bytes.length; at++) {
      pieces = [bytes.slice(0, at), bytes.slice(at)];
      expect(await ask(connection).answer).toEqual(whole);
    }
    expect(sockets).toHaveLength(1);
  });

  test("is the same when it comes byte by byte", async () => {
    let pieces = [bytes];
    const { port } = await startUpstream(answering((_path, socket) => void writeApart(socket, pieces)));
    const connection = await open(port);
    const whole = await ask(connection).answer;
    pieces = Array.from(bytes);
    expect(await ask(connection).answer).toEqual(whole);
  });
});

test("whatever an answer holds, and however it is framed and cut, it is given as it was", async () => {
  let pieces: readonly string[] = [];
  const { port } = await startUpstream(answering((_path, socket) => void writeApart(socket, pieces)));
  const connection = await open(port);
  const content = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(400), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(content, fc.boolean(), cuts, async (parts, isChunked, places) => {
      const body = parts.join("");
      const chunks = [...parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`), "0\r\n\r\n"].join("");
      const framed = isChunked ? `${CHUNKED}\r\n\r\n${chunks}` : `Content-Length: ${body.length}\r\n\r\n${body}`;
      const bytes = `HTTP/1.1 200 OK\r\n${framed}`;
      const ends = [0, ...places.filter((at) => at < bytes.length).toSorted((a, b) => a - b), bytes.length];
      pieces = ends.slice(1).map((end, place) => bytes.slice(ends[place], end));
      expect((await ask(connection).answer).body).toBe(body);
    }),
    { numRuns: 60 },
  );
});

test("chunks that come together are given as one, large ones too", async () => {
  const events = Array.from({ length: 500 }, (_, place) => `data: ${place}\n\n`);
  const chunks = events.map((event) => `${event.length.toString(16)}\r\n${event}\r\n`).join("");
  const { port } = await startUpstream(
    answering((_path, socket) => socket.write(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\n${chunks}0\r\n\r\n`)),
  );
  const asked = ask(await open(port));
  expect((await asked.answer).body).toBe(events.join(""));
  expect(asked.events.filter((event) => event === "data").length).toBeLessThan(5);
});

describe("a handler", () => {
  const reply = answering((_path, socket) => socket.write(answers["of a length"]));

  test("is given headers as undici gives them, and as they were sent", async () => {
    const { port } = await startUpstream(
      answering((_path, socket) =>
        socket.write("HTTP/1.1 204 No\r\nX-A: 1\r\nx-b: \xe9\r\nX-a: 2\r\n__proto__: 3\r\n\r\n", "latin1"),
      ),
    );
    const asked = ask(await open(port));
    const { headers } = await asked.answer;
    expect(Object.entries(headers)).toEqual([
      ["x-a", ["1", "2"]],
      ["x-b", "\xe9"],
      ["__proto__", "3"],
    ]);
    expect(asked.controller()?.rawHeaders).toEqual(["X-A", "1", "x-b", "\xe9", "X-a", "2", "__proto__", "3"]);
  });

  test("that reads raw headers is given no others", async () => {
    const { port } = await startUpstream(reply);
    const asked = ask(await open(port), { handler: { readsRawHeaders: true } });
    expect((await asked.answer).headers).toEqual({});
    expect(asked.controller()?.rawHeaders).toHaveLength(6);
  });

  test.each(["onRequestStart", "onResponseStart", "onResponseData", "onResponseEnd"] as const)(
    "that throws in %s ends the connection, and is told",
    async (step) => {
      const { port } = await startUpstream(reply);
      const connection = await open(port);
      const fault = new Error("in the handler");
      const told: unknown[] = [];
      const { answer, events } = ask(connection, {
        handler: {
          [step]: () => {
            throw fault;
          },
          onResponseError: (_controller, error) => void told.push(error),
        },
      });
      await answer.catch(() => undefined);
      await connection.end();
      expect(told).toEqual([fault]);
      expect(events.filter((event) => event === "error")).toHaveLength(1);
    },
  );

  test("that pauses gets nothing more, not even the end, until it resumes", async () => {
    const { port } = await startUpstream(answering((_path, socket) => socket.write(answers["in chunks"])));
    const connection = await open(port);
    for (const step of ["onResponseStart", "onResponseData"] as const) {
      const asked = ask(connection, { handler: { [step]: (controller: { pause(): void }) => controller.pause() } });
      while (!asked.controller()?.paused) await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(asked.events.at(-1)).toBe(step === "onResponseStart" ? "200" : "data");
      asked.controller()?.resume();
      expect((await asked.answer).body).toBe("hello world");
    }
  });
});

describe("an answer that cannot be", () => {
  test.each([
    ["hello\r\n\r\n", "HPE_STRICT", errors.HTTPParserError],
    ["HTTP/1.1 101 Switching\r\n\r\n", "UND_ERR_SOCKET", errors.SocketError],
    [`HTTP/1.1 200 OK\r\nX-A: ${"a".repeat(40_000)}\r\n\r\n`, "UND_ERR_HEADERS_OVERFLOW", errors.HeadersOverflowError],
    [`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\nx\r\n`, "HPE_STRICT", errors.HTTPParserError],
  ])("%j fails as undici fails it, and ends the connection", async (bytes, code, kind) => {
    const { port } = await startUpstream(answering((_path, socket) => socket.write(bytes)));
    const connection = await open(port);
    const error = await ask(connection).answer.catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(code);
    expect(error).toBeInstanceOf(kind);
    expect([connection.isAlive, connection.destroyed]).toEqual([false, true]);
  });

  test.each([
    ["nothing", "", "UND_ERR_SOCKET"],
    ["half a head", "HTTP/1.1 200 O", "UND_ERR_SOCKET"],
    ["half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "UND_ERR_SOCKET"],
    [
      "half a body, of an answer that was to be the last",
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe",
      "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
    ],
    ["no last chunk", `HTTP/1.1 200 OK\r\nConnection: close\r\n${CHUNKED}\r\n\r\n2\r\nhe\r\n`, "HPE_STRICT"],
  ])("%s, and the connection ends", async (_name, bytes, code) => {
    const { port } = await startUpstream(answering((_path, socket) => socket.end(bytes)));
    const asked = ask(await open(port));
    expect(codeOf(await asked.answer.catch((cause: unknown) => cause))).toBe(code);
    expect(asked.events.at(-1)).toBe("error");
  });

  test("a reset", async () => {
    const { port } = await startUpstream(answering((_path, socket) => socket.resetAndDestroy()));
    expect(await ask(await open(port)).answer.catch(codeOf)).toBe("ECONNRESET");
  });
});

test("an answer without a length ends with the connection, also when its reader was slow", async () => {
  const body = "a".repeat(300_000);
  const { port } = await startUpstream(answering((_path, socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`)));
  const asked = ask(await open(port), {
    handler: {
      onResponseData(controller) {
        controller.pause();
        setTimeout(() => controller.resume(), 1);
      },
    },
  });
  expect((await asked.answer).body.length).toBe(body.length);
});

test("what a handler keeps is its own: it is neither changed nor a view of what is", async () => {
  const { port } = await startUpstream(
    answering((path, socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)),
  );
  const connection = await open(port);
  const kept: Buffer[] = [];
  const paths = Array.from({ length: 50 }, (_, place) => `/${String(place).repeat(9)}`);
  for (const path of paths) {
    const keep = (_controller: unknown, chunk: Buffer): void => void kept.push(chunk);
    await ask(connection, { path, handler: { onResponseData: keep } }).answer;
  }
  expect(kept.map(String)).toEqual(paths);
});
