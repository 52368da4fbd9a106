/** Which heads of requests are taken, and with which code the others are refused (RFC 9112 sections 2 to 6). */
import { METHODS } from "node:http";
import { describe, expect, test } from "vitest";
import { expectCode as expectCodeOf, readInPieces } from "../../test/heads-in-pieces.ts";
import type { HeadLimits } from "./head-reader.ts";
import { RequestHead } from "./request-head.ts";

const LIMITS: HeadLimits = { headBytes: 64 * 1024, headers: 1000 };

function read(text: string, size?: number): { head: RequestHead; behind: number } {
  const head = new RequestHead();
  const behind = readInPieces(head, text, size);
  return { head, behind };
}

function expectCode(text: string, code: string, limits?: HeadLimits): void {
  expectCodeOf(() => new RequestHead(), text, code, limits);
}

const line = (text: string): string => `${text}\r\nHost: a\r\n\r\n`;
const get = (...lines: readonly string[]): string => ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n");

describe("a head of a request", () => {
  test("is read whole, at whatever bytes it is cut", () => {
    const text =
      "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a\r\nX-A:\t b  c \r\nx-a:\r\nX-B: caf\xe9\r\nContent-Length: 12\r\n\r\n";
    for (let size = 1; size <= text.length; size += 1) {
      const { head, behind } = read(`${text}{"model": 1}`, size);
      expect(behind).toBe(text.length);
      expect(head).toMatchObject({ method: "POST", target: "/v1/chat?x=1", minorVersion: 1, contentLength: 12 });
      expect(head).toMatchObject({ isChunked: false, closes: false, expectsContinue: false, isBegun: false });
      expect(head.headers).toEqual(
        ["Host", "a", "X-A", "b  c", "x-a", "", "X-B", "caf\xe9", "Content-Length", "12"], // names as sent
      );
    }
  });

  test("is followed by another on the same reader, of which nothing stays", () => {
    const first = "POST /1 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n";
    const second = get("Expect: 100-continue", "Transfer-Encoding: chunked", "Connection: close");
    const bytes = Buffer.from(first + second + get());
    const head = new RequestHead();
    let at = head.read(bytes, 0, bytes.length, LIMITS);
    const { headers } = head;
    expect(at).toBe(first.length);
    at = head.read(bytes, at, bytes.length, LIMITS);
    expect(at).toBe(first.length + second.length);
    expect(head).toMatchObject({ target: "/", minorVersion: 1, contentLength: -1, isChunked: true, closes: true });
    expect(head.expectsContinue).toBe(true);
    expect(headers).toEqual(["Connection", "keep-alive", "Content-Length", "5"]);
    expect(head.read(bytes, at, bytes.length, LIMITS)).toBe(bytes.length);
    expect(head).toMatchObject({ contentLength: -1, isChunked: false, closes: false, expectsContinue: false });
  });

  test("may have empty lines before it", () => {
    for (const size of [1, 3, 1000]) {
      const { head, behind } = read(`\r\n\r\n${line("GET /a HTTP/1.1")}`, size);
      expect(head.target).toBe("/a");
      expect(behind).toBe(4 + line("GET /a HTTP/1.1").length);
    }
  });

  test("has begun with its first byte and until it is whole", () => {
    const head = new RequestHead();
    expect(head.isBegun).toBe(false);
    expect(head.read(Buffer.from("G"), 0, 1, LIMITS)).toBe(-1);
    expect(head.isBegun).toBe(true);
    const rest = Buffer.from(line("GET / HTTP/1.1").slice(1));
    expect(head.read(rest, 0, rest.length, LIMITS)).toBe(rest.length);
    expect(head.isBegun).toBe(false);
  });

  test.each(METHODS)("may have the method %s", (method) => {
    expectCode(line(`${method} ${method === "CONNECT" ? "a:1" : "/"} HTTP/1.1`), "taken");
  });

  test.each([
    ["BREW / HTTP/1.1", "WIRE_METHOD"],
    ["get / HTTP/1.1", "WIRE_METHOD"],
    ["PRI / HTTP/1.1", "WIRE_METHOD"],
    ["GET / HTTP/2.0", "WIRE_VERSION"],
    ["GET / HTTP/1.2", "WIRE_VERSION"],
    ["GET / HTTP/0.9", "WIRE_VERSION"],
    ["PRI * HTTP/2.0", "WIRE_VERSION"],
    ["GET /", "WIRE_VERSION"],
    ["GET / http/1.1", "WIRE_MALFORMED"],
    ["GET / HTTP/1.10", "WIRE_MALFORMED"],
    ["GET / HTTP/11", "WIRE_MALFORMED"],
    ["GET / HTTP/1.x", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1 ", "WIRE_MALFORMED"],
    ["GET  / HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /  HTTP/1.1", "WIRE_MALFORMED"],
    ["GET\t/ HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /\tHTTP/1.1", "WIRE_MALFORMED"],
    [" GET / HTTP/1.1", "WIRE_MALFORMED"],
    ["GET", "WIRE_MALFORMED"],
    ["GET ", "WIRE_MALFORMED"],
    ["GET  HTTP/1.1", "WIRE_MALFORMED"],
    ["G(T / HTTP/1.1", "WIRE_MALFORMED"],
    ["G\xc9T / HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /a b HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /\xe9 HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /\x7f HTTP/1.1", "WIRE_MALFORMED"],
    ["GET /\0 HTTP/1.1", "WIRE_MALFORMED"],
    ["GET a HTTP/1.1", "WIRE_MALFORMED"],
    ["GET ?a HTTP/1.1", "WIRE_MALFORMED"],
    ["GET * HTTP/1.1", "WIRE_MALFORMED"],
    ["OPTIONS *x HTTP/1.1", "WIRE_MALFORMED"],
    ["GET a:443 HTTP/1.1", "WIRE_MALFORMED"],
    ["GET http:/a HTTP/1.1", "WIRE_MALFORMED"],
    ["GET http:///a HTTP/1.1", "WIRE_MALFORMED"],
    ["GET http://u@a/ HTTP/1.1", "WIRE_MALFORMED"],
    ["OPTIONS * HTTP/1.1", "taken"],
    ["GET http://a/b?c HTTP/1.1", "taken"],
    ["GET http://[::1]:80 HTTP/1.1", "taken"],
    ['GET /?a[]="{}|^`<> HTTP/1.1', "taken"],
    ["GET //a HTTP/1.0", "taken"],
  ])("with the request line %j: %s", (text, code) => {
    expectCode(line(text), code);
  });

  test.each([
    ["GET / HTTP/1.1\nHost: a\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\rHost: a\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\nHost: a\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\nHost: a\r\n\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\nHost: a\r\n\rX", "WIRE_MALFORMED"],
    ["\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "WIRE_MALFORMED"],
    ["\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\n\r\n", "WIRE_MALFORMED"],
    ["GET http://a/ HTTP/1.1\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.0\r\n\r\n", "taken"],
    ["GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", "WIRE_MALFORMED"],
    ["GET / HTTP/1.1\r\nHost: a\r\n", "more"],
    ["GET / HTTP/1.1\r\nHost: a\r\n\r", "more"],
    ["\r\n", "more"],
  ])("with these lines: %j: %s", (text, code) => {
    expectCode(text, code);
  });

  test.each(["GET / HTTP/1.1\r\nHost: a\n", "\x16\x03\x01", "GET:", "/", "GET / HTTP/1.1\r\nX-A : 1\r\n", "\0"])(
    "is refused as soon as it has gone wrong: %j",
    (text) => {
      expectCode(text, "WIRE_MALFORMED");
    },
  );
});
