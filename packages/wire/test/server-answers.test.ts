import { describe, expect, onTestFinished, test, vi } from "vitest";
import { get, post, startServer, type Exchange } from "./server-bed.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** One answer to one request, and whether the connection is kept. */
async function answerTo(request: string, answer: (exchange: Exchange) => void): Promise<string> {
  let isFirst = true;
  const bed = await startServer((exchange) => {
    if (isFirst) answer(exchange);
    else {
      exchange.sendHead(200, ["x-next", "yes", "content-length", "0"]);
      exchange.end();
    }
    isFirst = false;
  });
  const client = await bed.connect();
  client.send(request + get("/next", "Connection: close"));
  return (await client.rest())
    .replaceAll(/date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/g, "date\r\n")
    .replace(/HTTP\/1.1 200 OK\r\nx-next: yes\r\n.*$/s, "[next]");
}

const lines = (...texts: readonly string[]): string => texts.join("\r\n");
const KEPT = "connection: keep-alive\r\nkeep-alive: timeout=75";

describe("an answer", () => {
  test("of a known length", async () => {
    const answer = await answerTo(get("/"), (exchange) => {
      exchange.sendHead(200, ["x-a", "1", "content-length", "4"]);
      exchange.write(bytes("ab"));
      exchange.write(bytes("cd"));
      exchange.end();
    });
    expect(answer).toBe(lines("HTTP/1.1 200 OK", "x-a: 1", "date", KEPT, "content-length: 4", "", "abcd") + "[next]");
  });

  test("that is whole before its head went out has a length", async () => {
    const answer = await answerTo(get("/"), (exchange) => {
      exchange.sendHead(404, []);
      exchange.write(bytes("abcd"));
      exchange.end();
    });
    expect(answer).toBe(lines("HTTP/1.1 404 Not Found", "date", KEPT, "content-length: 4", "", "abcd") + "[next]");
  });

  test("of unknown length goes in chunks, one for what comes in one turn", async () => {
    const answer = await answerTo(get("/"), (exchange) => {
      exchange.sendHead(200, ["date", "today"], true);
      for (const text of ["a", "", "bc", "def"]) exchange.write(bytes(text));
      setImmediate(() => {
        exchange.write(bytes("gh"));
        exchange.end();
      });
    });
    const chunks = lines("6", "abcdef", "2", "gh", "0", "", "");
    expect(answer).toBe(
      lines("HTTP/1.1 200 OK", "date: today", KEPT, "transfer-encoding: chunked", "", chunks) + "[next]",
    );
  });

  const large = "x".repeat(3000);
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

  test("that comes in a burst is asked to wait now and then, is told when to go on, and loses nothing", async () => {
    const waits: number[] = [];
    const pieces = Array.from({ length: 200 }, (_, index) => `event ${index}\n`);
    const answers: string[] = [];
    for (let round = 0; round < 2; round++) {
      const answer = await answerTo(get("/"), (exchange) => {
        exchange.sendHead(200, [], true);
        let sent = 0;
        const send = (): void => {
          const piece = pieces[sent++];
          if (piece === undefined) exchange.end();
          else if (exchange.write(bytes(piece))) setImmediate(send);
          else waits.push(sent);
        };
        exchange.onDrain(() => setImmediate(send));
        send();
      });
      answers.push(answer);
    }
    expect(waits.length).toBeGreaterThan(2);
    for (const answer of answers) {
      const body = answer.slice(answer.indexOf("\r\n\r\n") + 4, -"[next]".length);
      expect(body.replaceAll(/[\da-f]+\r\n|\r\n/g, "")).toBe(pieces.join(""));
    }
  });

  test("whose events come one by one is never asked to wait", async () => {
    const goesOn: boolean[] = [];
    await answerTo(get("/"), (exchange) => {
      exchange.sendHead(200, [], true);
      const timer = setInterval(() => {
        goesOn.push(exchange.write(bytes("event")));
        if (goesOn.length < 20) return;
        clearInterval(timer);
        exchange.end();
      }, 3);
    });
    expect(goesOn).toEqual(Array.from({ length: 20 }, () => true));
  });

  test.each(["GET / HTTP/1.0\r\n\r\n", get("/", "Connection: close")])(
    "that ends its connection is whole for a client that has not taken it yet: %j",
    async (request) => {
      vi.useFakeTimers({ toFake: ["setTimeout"] });
      onTestFinished(() => void vi.useRealTimers());
      const body = "x".repeat(12 * 1024 * 1024);
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const bed = await startServer((exchange) => {
        exchange.sendHead(200, []);
        exchange.write(bytes(body));
        exchange.end();
        resolve();
      });
      const client = await bed.connect();
      client.socket.pause();
      client.send(request);
      await ended;
      vi.advanceTimersByTime(60_000);
      client.socket.resume();
      expect(await client.rest()).toContain(body);
    },
  );

  test("of known length that is cut is not made whole by its last words", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, ["content-length", "10"]);
      exchange.write(bytes("12345678"));
      exchange.cut(bytes("!!"));
    });
    const client = await bed.connect();
    client.send(get("/"));
    expect((await client.rest()).endsWith("\r\n\r\n12345678")).toBe(true);
  });

  test("that is cut brings what had come", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, []);
      exchange.write(bytes(large));
      exchange.cut();
    });
    const client = await bed.connect();
    client.send(get("/"));
    expect((await client.rest()).endsWith(chunk(large))).toBe(true);
  });

  test("without a body goes in chunks, too, where its head is out", async () => {
    const answer = await answerTo(get("/"), (exchange) => {
      exchange.sendHead(200, [], true);
      setImmediate(() => exchange.end());
    });
    expect(answer).toMatch(/\r\n\r\n0\r\n\r\n\[next\]$/);
  });

  test.each([
    ["GET", 204, ["content-length", "5"], ""],
    ["GET", 304, ["content-length", "5", "etag", "x"], "etag: x\r\ndate\r\nKEPT\r\ncontent-length: 5\r\n"],
    ["HEAD", 200, ["content-length", "5"], "date\r\nKEPT\r\ncontent-length: 5\r\n"],
    ["HEAD", 200, [], "date\r\nKEPT\r\n"],
  ])("to %s, %i, has no body whatever is written: %j", async (method, status, headers, expected) => {
    const answer = await answerTo(get("/").replace("GET", method), (exchange) => {
      exchange.sendHead(status, headers);
      exchange.write(bytes("abcde"));
      exchange.end();
    });
    const [head = "", rest] = answer.split("\r\n\r\n", 2);
    expect(rest).toBe("[next]");
    expect(`${head}\r\n`).toContain((expected || "date\r\nKEPT\r\n").replace("KEPT", KEPT));
    if (status === 204) expect(head).not.toContain("content-length");
  });

  test.each([
    ["with a length", ["content-length", "2"], "HTTP/1.0", "connection: close\r\ncontent-length: 2\r\n\r\nok"],
    ["without one", [], "HTTP/1.0", "connection: close\r\n\r\nok"],
    [
      "to a client that keeps it",
      ["content-length", "2"],
      "HTTP/1.0 keep",
      `${KEPT}\r\ncontent-length: 2\r\n\r\nok[next]`,
    ],
    ["without one to that", [], "HTTP/1.0 keep", "connection: close\r\n\r\nok"],
    [
      "that says close",
      ["content-length", "2", "connection", "close"],
      "HTTP/1.1",
      "connection: close\r\ncontent-length: 2\r\n\r\nok",
    ],
  ])("and the connection: %s", async (_, headers, version, expected) => {
    const keep = version.endsWith("keep") ? "Connection: keep-alive\r\n" : "";
    const answer = await answerTo(`GET / ${version.slice(0, 8)}\r\nHost: a\r\n${keep}\r\n`, (exchange) => {
      exchange.sendHead(200, headers, true);
      exchange.write(bytes("ok"));
      exchange.end();
    });
    expect(answer).toBe(`HTTP/1.1 200 OK\r\ndate\r\n${expected}`);
  });

  test.each([
    ["x-a", "1\r\nx-b: 2", "ERR_INVALID_CHAR"],
    ["x-a", "\u0100", "ERR_INVALID_CHAR"],
    ["x-a", "\x7f", "ERR_INVALID_CHAR"],
    ["x-a", "\0", "ERR_INVALID_CHAR"],
    ["x a", "1", "ERR_INVALID_HTTP_TOKEN"],
    ["x-a:", "1", "ERR_INVALID_HTTP_TOKEN"],
    ["", "1", "ERR_INVALID_HTTP_TOKEN"],
    ["Content-Length", "1", "ERR_INVALID_HTTP_TOKEN"],
    ["x-\u0161", "1", "ERR_INVALID_HTTP_TOKEN"],
    ["content-length", "1, 2", "ERR_INVALID_CHAR"],
  ])("with a header that is none, %j: %j, is none, and another may be given", async (name, value, code) => {
    const answer = await answerTo(get("/"), (exchange) => {
      expect(() => exchange.sendHead(200, ["x-z", "1", name, value])).toThrow(expect.objectContaining({ code }));
      expect(exchange.headSent).toBe(false);
      exchange.sendHead(500, ["x-latin", "caf\xe9\t "]);
      exchange.end();
    });
    expect(answer).toBe(
      lines(
        "HTTP/1.1 500 Internal Server Error",
        "x-latin: caf\xe9\t ",
        "date",
        KEPT,
        "content-length: 0",
        "",
        "[next]",
      ),
    );
  });

  test.each([
    ["longer", "abcde"],
    ["shorter", "abc"],
  ])("that is %s than its length is cut", async (_, body) => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, ["content-length", "4"], true);
      exchange.write(bytes(body));
      exchange.end();
    });
    const client = await bed.connect();
    client.send(get("/") + get("/"));
    const answer = await client.rest();
    expect(answer.match(/HTTP/g)).toHaveLength(1);
    expect(answer.split("\r\n\r\n")[1]?.length).toBeLessThan(4);
  });

  test("never goes on beyond its length, where it would be taken for another", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, ["content-length", "4"], true);
      exchange.write(bytes("abcd"));
      setImmediate(() => exchange.write(bytes("HTTP/1.1 200 OK\r\n\r\n")));
    });
    const client = await bed.connect();
    client.send(get("/") + get("/"));
    expect((await client.rest()).split("\r\n\r\n")[1]).toBe("abcd");
  });

  test("that is cut is not whole, and its last words arrive", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, [], true);
      exchange.write(bytes("begun"));
      setImmediate(() => exchange.cut(bytes("sorry")));
    });
    const client = await bed.connect();
    client.send(get("/"));
    expect(await client.rest()).toMatch(/\r\n\r\n5\r\nbegun\r\n5\r\nsorry\r\n$/);
  });

  // The client of Node 22 takes a reset for an end.
  const tellsResets = !process.version.startsWith("v22.");
  test.skipIf(!tellsResets)("that is cut is reset for HTTP/1.0, which would take an end for one", async () => {
    const bed = await startServer((exchange) => {
      exchange.sendHead(200, [], true);
      setImmediate(() => exchange.cut());
    });
    const client = await bed.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    expect(await client.ended).toBe("reset");
  });
});

test("a client that waits for leave gets it when its body is wanted; one that does not get it is not waited for", async () => {
  const bed = await startServer(async (exchange) => {
    if (exchange.head.target === "/wanted") await exchange.readBody({ limitBytes: Infinity });
    exchange.sendHead(200, ["content-length", "0"]);
    exchange.end();
  });
  const expecting = (target: string) =>
    post(target, "abc").replace("Host", "Expect: 100-continue\r\nHost").slice(0, -3);
  const client = await bed.connect();
  client.send(expecting("/wanted"));
  expect(await client.take("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  expect(await client.take("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 .*keep-alive/s);
  client.send(expecting("/not"));
  expect(await client.rest()).toMatch(/^HTTP\/1.1 200 .*\r\nconnection: close\r\n/s);
});

test("an exchange that is over says and hears nothing more", async () => {
  const exchanges: Exchange[] = [];
  const bed = await startServer((exchange) => {
    exchanges.push(exchange);
    exchange.onClientGone(() => expect.fail("gone"));
    exchange.sendHead(200, ["content-length", "2"]);
    exchange.write(bytes("ok"));
    exchange.end();
  });
  const client = await bed.connect();
  client.send(get("/1"));
  await client.answer();
  const [old] = exchanges;
  old?.sendHead(500, []);
  expect(old?.write(bytes("no"))).toBe(true);
  old?.end();
  old?.cut(bytes("no"));
  client.send(get("/2"));
  await client.answer();
  old?.cut();
  client.socket.end();
  expect(await client.rest()).toBe("");
});

test("an early answer that closes is read by a client that is still sending", async () => {
  const bed = await startServer((exchange) => {
    exchange.sendHead(413, ["connection", "close", "content-length", "2"]);
    exchange.write(bytes("no"));
    exchange.end();
  });
  const client = await bed.connect();
  client.send(post("/", "x".repeat(8 * 2 ** 20)));
  expect(await client.ended).toBe("end");
  expect(client.unread).toMatch(/^HTTP\/1.1 413 .*no$/s);
  client.socket.end();
  await vi.waitFor(() => expect(bed.connections.size).toBe(0));
});

test("tenants under backpressure each see their own bytes, and nothing else", async () => {
  const size = 4 * 2 ** 20;
  const bed = await startServer(async (exchange) => {
    const mark = exchange.head.target.slice(1);
    let received = 0;
    for await (const chunk of exchange.body(Infinity)) {
      received += chunk.length;
      expect(chunk.every((byte) => byte === mark.charCodeAt(0))).toBe(true);
    }
    expect(received).toBe(100_000);
    exchange.sendHead(200, ["content-length", String(size)]);
    // Chunks of all sizes: joined, alone, and larger than what is joined.
    for (let [sent, turn] = [0, 0]; sent < size; turn++) {
      const chunk = Buffer.alloc(Math.min(size - sent, [100, 3000, 20_000, 70_000][turn % 4] ?? 1), mark);
      sent += chunk.length;
      if (!exchange.write(chunk)) await new Promise<void>((resolve) => exchange.onDrain(resolve));
    }
    exchange.end();
  });
  const seen = await Promise.all(
    ["A", "B", "C", "D", "E", "F"].map(async (mark) => {
      const client = await bed.connect();
      client.send(post(`/${mark}`, mark.repeat(100_000)));
      const head = await client.take("\r\n\r\n");
      const isSlow = mark < "D";
      const timer = setInterval(() => (client.socket.isPaused() ? client.socket.resume() : client.socket.pause()), 5);
      if (!isSlow) clearInterval(timer);
      while (client.unread.length < size) await new Promise((resolve) => setImmediate(resolve));
      clearInterval(timer);
      return [head.slice(9, 12), client.unread === mark.repeat(size)];
    }),
  );
  expect(seen).toEqual(seen.map(() => ["200", true]));
});
