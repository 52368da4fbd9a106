import { Readable } from "node:stream";
import { errors } from "undici";
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { ask, codeOf, open, startUpstream, turns, type Ask, type UpstreamSide } from "./client-bed.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Answers when `isWhole` says that all has come, and keeps what came. */
async function startReading(isWhole: (text: string) => boolean) {
  let seen = "";
  const upstream = await startUpstream(({ socket, text }) => {
    seen = text();
    if (isWhole(seen)) socket.write(OK);
  });
  return { ...upstream, seen: () => seen };
}

async function sent(request: Ask, isWhole = (text: string) => text.includes("\r\n\r\n")): Promise<string> {
  const { port, seen } = await startReading(isWhole);
  const asked = ask(await open(port), request);
  expect((await asked.answer).body).toBe("ok");
  return seen().replaceAll(String(port), "PORT");
}

describe("a request", () => {
  test("has Host first, and what it was given", async () => {
    const headers = ["X-A", "1", "x-a", "2", "x-latin", "caf\xe9", "connection", "keep-alive, x-a"];
    expect(await sent({ path: "/a?b=c", headers })).toBe(
      "GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:PORT\r\nconnection: keep-alive\r\n" +
        "X-A: 1\r\nx-a: 2\r\nx-latin: caf\xe9\r\n\r\n",
    );
  });

  test.each<[string, Ask["headers"]]>([
    ["an object", { host: "it", "x-a": ["1", "2"], "x-b": undefined as unknown as string }],
    [
      "pairs",
      new Map([
        ["Host", "it"],
        ["x-a", ["1", "2"]],
      ] as [string, string | string[]][]),
    ],
    ["a flat array", ["x-a", "1", "HOST", "it", "x-a", "2"]],
  ])("takes headers as %s", async (_form, headers) => {
    expect(await sent({ headers: headers ?? null })).toBe(
      "GET / HTTP/1.1\r\nhost: it\r\nconnection: keep-alive\r\nx-a: 1\r\nx-a: 2\r\n\r\n",
    );
  });

  test("takes a query", async () => {
    expect(await sent({ path: "/a", query: { b: "c d", e: 1 } })).toMatch(/^GET \/a\?b=c%20d&e=1 /);
  });

  test.each<[string, Ask, string]>([
    ["no body, where one is expected", { method: "POST" }, "content-length: 0\r\n\r\n"],
    ["an empty one", { method: "PUT", body: "" }, "content-length: 0\r\n\r\n"],
    ["an empty stream", { method: "PUT", body: Readable.from([]) }, "content-length: 0\r\n\r\n"],
    ["text", { method: "POST", body: "h\xe9" }, "content-length: 3\r\n\r\nh\xc3\xa9"],
    ["bytes", { method: "POST", body: Buffer.from("abc") }, "content-length: 3\r\n\r\nabc"],
    [
      "a stream",
      { method: "POST", body: Readable.from([Buffer.from("abc"), "de"]) },
      "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ],
    [
      "a stream of a length",
      { method: "POST", headers: { "content-length": "5" }, body: Readable.from(["abc", "de"]) },
      "content-length: 5\r\n\r\nabcde",
    ],
  ])("sends %s", async (_name, request, end) => {
    const body = end.slice(end.indexOf("\r\n\r\n"));
    expect(await sent(request, (text) => text.endsWith(body))).toContain(`connection: keep-alive\r\n${end}`);
  });

  test("sends whatever bytes it has, at once or bit by bit, large ones too", async () => {
    const size = fc.integer({ min: 1, max: 200_000 });
    await fc.assert(
      fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 4 }), fc.boolean(), async (sizes, isStream) => {
        const chunks = sizes.map((length, place) => Buffer.alloc(length, 97 + place));
        const whole = Buffer.concat(chunks);
        const headers = { "content-length": String(whole.length) };
        const body = isStream ? Readable.from(chunks) : whole;
        const content = (seen: string) => seen.slice(seen.indexOf("\r\n\r\n") + 4);
        const isWhole = (seen: string) => content(seen).length === whole.length;
        const text = await sent({ method: "POST", headers, body }, isWhole);
        expect(content(text) === whole.toString("latin1")).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  test.each<[string, Ask]>([
    ["HEAD, which some answer with a body", { method: "HEAD" }],
    ["a body that nobody expects", { method: "GET", body: "a" }],
    ["reset", { reset: true }],
    ["Connection: close", { headers: { connection: "close" } }],
  ])("ends the connection with %s", async (_name, request) => {
    const { port, sockets } = await startReading((text) => text.includes("\r\n\r\n"));
    const connection = await open(port);
    const text = await ask(connection, request).answer;
    expect(text.status).toBe(200);
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
    expect(connection.isAlive).toBe(false);
  });
});

describe("what is no request", () => {
  const invalid: readonly (readonly [string, Ask])[] = [
    ["a header with CRLF", { headers: ["x-a", "1\r\nx-b: 2"] }],
    ["a header with LF", { headers: ["x-a", "1\nx-b: 2"] }],
    ["a header with NUL", { headers: ["x-a", "\0"] }],
    ["a header beyond one byte", { headers: ["x-a", "\u010d\u010a"] }],
    ["a name with a colon", { headers: ["x: a", "1"] }],
    ["a name with CRLF", { headers: ["x\r\na", "1"] }],
    ["no name", { headers: ["", "1"] }],
    ["a name beyond ASCII", { headers: ["x-\xe9", "1"] }],
    ["a name without a value", { headers: ["x-a"] }],
    ["two Hosts", { headers: ["host", "a", "Host", "b"] }],
    ["two lengths", { method: "POST", headers: ["content-length", "1", "Content-Length", "1"], body: "a" }],
    ["a length that is none", { method: "POST", headers: ["content-length", "+1"], body: "a" }],
    ["a coding", { headers: ["Transfer-Encoding", "chunked"] }],
    ["Keep-Alive", { headers: ["keep-alive", "timeout=5"] }],
    ["an upgrade in a header", { headers: ["upgrade", "h2c"] }],
    ["a method with a space", { method: "GET /" }],
    ["no method", { method: "" }],
    ["CONNECT", { method: "CONNECT" }],
    ["a path with a space", { path: "/a b" }],
    ["a path with CRLF", { path: "/a\r\nHost: b" }],
    ["a path beyond ASCII", { path: "/\xe9" }],
    ["a relative path", { path: "a" }],
    ["a body that is none", { method: "POST", body: 5 as unknown as string }],
    ["a form", { method: "POST", body: new FormData() as never }],
  ];

  test.each(invalid)("%s is refused, and not a byte leaves", async (_name, request) => {
    const { port, seen, sockets } = await startReading((text) => text.endsWith("\r\n\r\n"));
    const connection = await open(port);
    const asked = ask(connection, request);
    const error = await asked.answer.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(errors.InvalidArgumentError);
    expect([codeOf(error), asked.events]).toEqual(["UND_ERR_INVALID_ARG", ["error"]]);
    expect((await ask(connection, { path: "/next" }).answer).status).toBe(200);
    expect(seen()).toMatch(/^GET \/next /);
    expect(sockets).toHaveLength(1);
  });

  test.each<[string, Ask]>([
    ["Expect", { headers: ["expect", "100-continue"] }],
    ["an upgrade", { upgrade: "websocket" }],
  ])("%s is not supported", async (_name, request) => {
    const { port } = await startReading(() => true);
    expect(await ask(await open(port), request).answer.catch(codeOf)).toBe("UND_ERR_NOT_SUPPORTED");
  });

  test.each<[string, Ask["body"]]>([
    ["bytes", "abcd"],
    ["a stream that is shorter", Readable.from(["ab"])],
    ["a stream that is longer", Readable.from(["ab", "cd"])],
    ["an empty stream", Readable.from([])],
  ])("%s of another length than it says ends the connection", async (name, body = null) => {
    const { port } = await startReading(() => false);
    const connection = await open(port);
    const asked = ask(connection, { method: "POST", headers: ["content-length", "3"], body });
    expect(await asked.answer.catch(codeOf)).toBe("UND_ERR_REQ_CONTENT_LENGTH_MISMATCH");
    // Bytes are found out before one of them has left.
    expect(connection.isAlive).toBe(name === "bytes");
  });
});

describe("a body that comes bit by bit", () => {
  test("is read no faster than it is sent, and not at all once nobody wants it", async () => {
    const { port, sockets } = await startUpstream(
      () => undefined,
      (socket) => socket.pause(),
    );
    let given = 0;
    let isLeft = false;
    async function* endless() {
      try {
        for (;;) {
          given += 65_536;
          yield Buffer.alloc(65_536);
        }
      } finally {
        isLeft = true;
      }
    }
    const asked = ask(await open(port), { method: "POST", body: Readable.from(endless()) });
    let before = -1;
    while (before !== given) {
      before = given;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(given).toBeGreaterThan(0);
    asked.controller()?.abort(new Error("left"));
    await vi.waitFor(() => expect(isLeft).toBe(true));
    expect(sockets).toHaveLength(1);
  });

  test("that fails, fails the request, and ends the connection", async () => {
    const { port, sockets } = await startReading(() => false);
    const fault = new Error("no more");
    async function* failing() {
      yield "ab";
      throw fault;
    }
    const asked = ask(await open(port), { method: "POST", body: Readable.from(failing()) });
    expect(await asked.answer.catch((error: unknown) => error)).toBe(fault);
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
  });

  test("that fails before it is read does the same", async () => {
    const { port, seen } = await startReading(() => false);
    const body = new Readable({ read: () => undefined });
    const asked = ask(await open(port), { method: "POST", body });
    const fault = new Error("no more");
    body.destroy(fault);
    expect(await asked.answer.catch((error: unknown) => error)).toBe(fault);
    expect(seen()).toBe("");
  });

  test.each(["", "Connection: close\r\n"])(
    "is not sent to its end when the answer comes before (%j), and the connection is not used again",
    async (line) => {
      const early = ({ socket }: UpstreamSide): void =>
        void socket.write(`HTTP/1.1 413 Too Large\r\n${line}Content-Length: 2\r\n\r\nno`);
      const { port, sockets } = await startUpstream(early);
      const body = new Readable({ read: () => undefined });
      body.push("a");
      const connection = await open(port);
      const asked = ask(connection, { method: "POST", body });
      expect(await asked.answer).toMatchObject({ status: 413, body: "no" });
      await vi.waitFor(() => expect([body.destroyed, sockets[0]?.destroyed]).toEqual([true, true]));
      expect(connection.isAlive).toBe(false);
    },
  );

  test("may go on while the answer comes", async () => {
    const { port } = await startUpstream(({ socket, text }) => {
      if (text().endsWith("a\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1");
      if (text().endsWith("0\r\n\r\n")) socket.write("2");
    });
    const body = new Readable({ read: () => undefined });
    body.push("a");
    const connection = await open(port);
    const asked = ask(connection, { method: "POST", body, handler: { onResponseStart: () => void body.push(null) } });
    expect((await asked.answer).body).toBe("12");
    await turns();
    expect(connection.isAlive).toBe(true);
  });

  test("is told of as it leaves", async () => {
    const told: string[] = [];
    const { port } = await startReading((text) => text.endsWith("0\r\n\r\n"));
    const handler = {
      onBodySent: (chunk: Buffer) => void told.push(String(chunk)),
      onRequestSent: () => void told.push("all"),
    };
    await ask(await open(port), { method: "POST", body: Readable.from(["ab", "cd"]), handler }).answer;
    expect(told).toEqual(["ab", "cd", "all"]);
  });
});

test("an upstream that answers before it has read a large request is not asked again", async () => {
  const { port, sockets } = await startUpstream(
    () => undefined,
    (socket) => socket.pause(),
  );
  const connection = await open(port);
  const asked = ask(connection, { method: "POST", body: Buffer.alloc(20_000_000) });
  await turns();
  sockets[0]?.write(OK);
  expect((await asked.answer).body).toBe("ok");
  await turns();
  expect(connection.isAlive).toBe(false);
});

test("a body is sent on behind the head of an answer that says that the connection closes", async () => {
  const pieces = ["a", "b", "c"];
  const { promise: answered, resolve: begun } = Promise.withResolvers<void>();
  const { port } = await startUpstream(({ socket, text }) => {
    if (text().includes("0\r\n\r\n")) socket.end("body");
    else if (text().includes("\r\n\r\n1\r\n")) socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  });
  async function* source(): AsyncGenerator<string> {
    yield pieces[0] ?? "";
    await answered;
    yield* pieces.slice(1);
  }
  const handler = { onResponseStart: () => begun() };
  const { answer } = ask(await open(port), { method: "POST", body: source() as never, handler });
  expect((await answer).body).toBe("body");
});
