/** Which headers of requests are taken, what they say of the message, and how many there may be (RFC 9112 sections 5 and 6). */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { expectCode as expectCodeOf, readInPieces } from "../../test/heads-in-pieces.ts";
import type { HeadLimits } from "./head-reader.ts";
import { RequestHead } from "./request-head.ts";

function read(text: string): RequestHead {
  const head = new RequestHead();
  readInPieces(head, text);
  return head;
}

function expectCode(text: string, code: string, limits?: HeadLimits): void {
  expectCodeOf(() => new RequestHead(), text, code, limits);
}

const get = (...lines: readonly string[]): string => ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n");

describe("a header", () => {
  test.each(
    [
      ["X-A : 1", "X-A\t: 1", "X A: 1", "X-A", ": 1", " X-A: 1", "X(A: 1", "X-\xe9: 1", "X-\0: 1", "X-A: 1\r\n 2"],
      ["X-A: \0", "X-A: \x01", "X-A: \x1b", "X-A: \x7f", "X-A: a\rb", "X-A: a\nb", "X-A:\r\n\t", "Host: a", "hOST: b"],
      [
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1 1",
      ],
      ["Content-Length:", "Content-Length: 1.0", "Content-Length: 1e1", "Content-Length: 1_0", "Content-Length: \xb9"],
      ["Content-Length: 1\r\nContent-Length: 1", "Content-Length: 0\r\nContent-Length: 0", "Content-Length: \xa01"],
      [
        "Transfer-Encoding:",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
      ],
      ["Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: xchunked"],
      ["Transfer-Encoding: chunked;a=b", 'Transfer-Encoding: "chunked"', "Transfer-Encoding: chunked\xa0"],
      ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"],
      ["Content-Length: 0\r\nTransfer-Encoding: chunked", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked"],
    ].flat(),
  )("is refused: %j", (text) => {
    expectCode(get(text), "WIRE_MALFORMED");
  });

  test.each(
    [
      ["X-A:", "X-A:  \t", "X-A::", "X-A: a\tb", "X-A: \x80\xff", "!#$%&'*+-.^_`|~09azAZ: 1", "Transfer_Encoding: x"],
      ["content-length:\t0 \t", "Content-Length: 0007", "Transfer-Encoding: CHUNKED", "transfer-encoding:\tchunked \t"],
      ["Expect: nothing", "Content-Encoding: chunked", "Connection: ,"],
    ].flat(),
  )("is taken: %j", (text) => {
    expectCode(get(text), "taken");
  });

  test("Transfer-Encoding is refused in HTTP/1.0, which has none", () => {
    expectCode("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", "WIRE_MALFORMED");
  });

  test("Content-Length is taken as far as JavaScript can count", () => {
    expect(read(get("Content-Length: 9007199254740991")).contentLength).toBe(Number.MAX_SAFE_INTEGER);
    expectCode(get("Content-Length: 9007199254740992"), "WIRE_BODY_TOO_LARGE");
    expectCode(get("Content-Length: 9007199254740993"), "WIRE_BODY_TOO_LARGE");
    expectCode(get("Content-Length: 18446744073709551615"), "WIRE_BODY_TOO_LARGE");
    expectCode(get("Content-Length: 18446744073709551616"), "WIRE_MALFORMED");
    expectCode(get(`Content-Length: ${"9".repeat(400)}`), "WIRE_MALFORMED");
    expect(read(get(`Content-Length: ${"0".repeat(400)}7`)).contentLength).toBe(7);
  });

  test.each([
    ["1.1", "", false],
    ["1.1", "keep-alive", false],
    ["1.1", "Close", true],
    ["1.1", "x , CLOSE\t, keep-alive", true],
    ["1.1", "closed", false],
    ["1.0", "", true],
    ["1.0", "Keep-Alive", false],
    ["1.0", "keep-alive, close", true],
    ["1.0", "\xa0keep-alive", true],
    ["1.0", "keep-alives", true],
  ])("Connection in HTTP/%s: %j closes: %s", (version, value, closes) => {
    const head = read(`GET / HTTP/${version}\r\nHost: a\r\nConnection: ${value}\r\n\r\n`);
    expect(head.closes).toBe(closes);
  });

  test("Connection may come twice, and close wins", () => {
    expect(read(get("Connection: keep-alive", "Connection: close")).closes).toBe(true);
    expect(read(get("Connection: close", "Connection: keep-alive")).closes).toBe(true);
  });

  test("Proxy-Connection closes too, as it does to llhttp", () => {
    expect(read(get("Proxy-Connection: close")).closes).toBe(true);
  });

  test("Expect counts in HTTP/1.1 alone", () => {
    expect(read(get("expect: 100-Continue")).expectsContinue).toBe(true);
    expect(read(get("Expect: 100-continued")).expectsContinue).toBe(false);
    const old = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    expect(read(old).expectsContinue).toBe(false);
  });
});

describe("the limits of a head", () => {
  const text = get("X-A: 1", "X-B: 2");

  test("are met by one that just fits", () => {
    expectCode(text, "taken", { headBytes: text.length, headers: 3 });
  });

  test("are exceeded by a byte", () => {
    expectCode(text, "WIRE_HEAD_TOO_LARGE", { headBytes: text.length - 1, headers: 3 });
    expectCode(`\r\n${text}`, "WIRE_HEAD_TOO_LARGE", { headBytes: text.length, headers: 3 });
  });

  test("are exceeded by a header", () => {
    expectCode(text, "WIRE_HEAD_TOO_LARGE", { headBytes: text.length, headers: 2 });
  });

  test("count for what has come so far, wherever it is", () => {
    const limits = { headBytes: 100, headers: 3 };
    expectCode("G".repeat(100), "WIRE_LINE_TOO_LONG", limits);
    expectCode(`GET /${"a".repeat(95)}`, "WIRE_LINE_TOO_LONG", limits);
    expectCode(`GET /${"a".repeat(94)}`, "more", limits);
    expectCode("(".repeat(100), "WIRE_MALFORMED", limits);
    expectCode("\r\n".repeat(50), "WIRE_LINE_TOO_LONG", limits);
    expectCode(get(`${"a".repeat(100)}: 1`), "WIRE_HEAD_TOO_LARGE", limits);
  });

  test("do not count what follows it", () => {
    expectCode(text + "x".repeat(1000), "taken", { headBytes: text.length, headers: 3 });
  });
});

test("a head that came in pieces leaves no memory behind", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const text = get(`X-Large: ${"x".repeat(20_000)}`);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const heads = Array.from({ length: 200 }, () => {
    const head = new RequestHead();
    readInPieces(head, text, 15_000);
    return head;
  });
  // Some versions of Node give memory back a little later.
  await vi.waitFor(() => {
    collect();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(heads.length * 1_000);
  });
});
