/** Which heads of responses are taken, and with which code the others are refused (RFC 9112 section 4). */
import { expect, test } from "vitest";
import { expectCode as expectCodeOf, readInPieces } from "../../test/heads-in-pieces.ts";
import { ResponseHead } from "./response-head.ts";

const LIMITS = { headBytes: 64 * 1024, headers: 1000 };

function read(text: string, size?: number): { head: ResponseHead; behind: number } {
  const head = new ResponseHead();
  const behind = readInPieces(head, text, size);
  return { head, behind };
}

function expectCode(text: string, code: string): void {
  expectCodeOf(() => new ResponseHead(), text, code);
}

test("a head is read whole, at whatever bytes it is cut", () => {
  const text = "HTTP/1.1 404 Not \xe9\tFound\r\nX-A:  b \r\nConnection: close\r\nContent-Length: 2\r\n\r\n";
  for (let size = 1; size <= text.length; size += 1) {
    const { head, behind } = read(`${text}ok`, size);
    expect(behind).toBe(text.length);
    expect(head).toMatchObject({ status: 404, reason: "Not \xe9\tFound", minorVersion: 1, contentLength: 2 });
    expect(head).toMatchObject({ isChunked: false, closes: true, isBegun: false });
    expect(head.headers).toEqual(["X-A", "b", "Connection", "close", "Content-Length", "2"]);
  }
});

test("an informational head is followed by another, of which nothing stays", () => {
  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n";
  const bytes = Buffer.from(`${interim}HTTP/1.1 200\r\n\r\n`);
  const head = new ResponseHead();
  expect(head.read(bytes, 0, bytes.length, LIMITS)).toBe(interim.length);
  expect(head).toMatchObject({ status: 103, reason: "Early Hints", closes: true });
  expect(head.read(bytes, interim.length, bytes.length, LIMITS)).toBe(bytes.length);
  expect(head).toMatchObject({ status: 200, reason: "", headers: [], closes: false, contentLength: -1 });
});

test.each([
  ["HTTP/1.1 200 OK", 200, "OK"],
  ["HTTP/1.0 200 OK", 200, "OK"],
  ["HTTP/1.1 200 ", 200, ""],
  ["HTTP/1.1 200", 200, ""],
  ["HTTP/1.1 100 Continue", 100, "Continue"],
  ["HTTP/1.1 999  two  words ", 999, " two  words "],
])("the status line %j is taken", (line, status, reason) => {
  expectCode(`${line}\r\n\r\n`, "taken");
  expect(read(`${line}\r\n\r\n`).head).toMatchObject({ status, reason });
});

test.each(
  [
    ["HTTP/1.1 099 OK", "HTTP/1.1 99 OK", "HTTP/1.1 1000 OK", "HTTP/1.1 20x OK", "HTTP/1.1 +20 OK", "HTTP/1.1 OK"],
    [
      "HTTP/1.1  200 OK",
      "HTTP/1.1\t200 OK",
      "HTTP/1.1 200\tOK",
      "HTTP/1.1200 OK",
      "HTTP/1.1 20",
      "HTTP/1.1 ",
      "HTTP/1.1",
    ],
    [
      "HTTP/1.1 200 \0",
      "HTTP/1.1 200 \x7f",
      "HTTP/1.1 200 a\rb",
      "HTTP/1.1 200 a\nb",
      "http/1.1 200 OK",
      "HTTP/1. 200 OK",
    ],
    ["HTTP/11 200 OK", "HTTP/1.x 200 OK", "ICY 200 OK", "RTSP/1.0 200 OK", " HTTP/1.1 200 OK", "GET / HTTP/1.1", "H"],
  ].flat(),
)("the status line %j is refused", (line) => {
  expectCode(`${line}\r\n\r\n`, "WIRE_MALFORMED");
});

test.each(["HTTP/2.0 200 OK", "HTTP/0.9 200 OK", "HTTP/1.2 200 OK", "HTTP/3.0 200"])(
  "%j has another version",
  (line) => {
    expectCode(`${line}\r\n\r\n`, "WIRE_VERSION");
  },
);

test.each(["<html>", "\x15\x03\x01", "SSH-2.0", "HTTQ"])(
  "what is no HTTP is refused as soon as that is seen: %j",
  (text) => {
    expectCode(text, "WIRE_MALFORMED");
  },
);

test.each(["", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: 1\r\n\r"])(
  "more has to come: %j",
  (text) => {
    expectCode(text, "more");
  },
);

test.each([
  ["Content-Length: 2\r\nContent-Length: 2", "WIRE_MALFORMED"],
  ["Content-Length: 2, 2", "WIRE_MALFORMED"],
  ["Content-Length: 2\r\nTransfer-Encoding: chunked", "WIRE_MALFORMED"],
  ["Transfer-Encoding: gzip, chunked", "WIRE_MALFORMED"],
  ["X-A: 1\r\n 2", "WIRE_MALFORMED"],
  ["X-A : 1", "WIRE_MALFORMED"],
  ["Content-Length: 9007199254740993", "WIRE_BODY_TOO_LARGE"],
  // It means something in requests alone.
  ["Host: a\r\nHost: b", "taken"],
])("with the header %j: %s", (text, code) => {
  expectCode(`HTTP/1.1 200 OK\r\n${text}\r\n\r\n`, code);
});

test("a first line that is too long has at least to begin as one", () => {
  expectCode("b".repeat(70_000), "WIRE_MALFORMED");
  expectCode(`HTTP/1.1 200 ${"b".repeat(70_000)}`, "WIRE_LINE_TOO_LONG");
});

test("chunks are refused in HTTP/1.0, which has none", () => {
  expectCode("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "WIRE_MALFORMED");
});

test("HTTP/1.0 closes unless it says otherwise", () => {
  expect(read("HTTP/1.0 200 OK\r\n\r\n").head.closes).toBe(true);
  expect(read("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n").head.closes).toBe(false);
});
