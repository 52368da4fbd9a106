/** Chunks: sizes, extensions, ends and trailers (RFC 9112 section 7.1). */
import { broken, get, head, post, served, servedThen, unfinished, type RequestCase } from "./cases.ts";

const END = "0\r\n\r\n";
const CHUNKED = "Transfer-Encoding: chunked";
const start = post(CHUNKED);
const whole = served({ method: "POST", target: "/", body: "abc" });

function wrong(name: string, body: string, status = 400): RequestCase {
  return { name: `chunks: ${name}`, bytes: start + body, outcome: broken(status) };
}

function right(name: string, body: string): RequestCase {
  return { name: `chunks: ${name}`, bytes: start + body, outcome: whole };
}

export const chunks: readonly RequestCase[] = [
  wrong("a size that is none", `x\r\nabc\r\n${END}`),
  wrong("a size with 0x", `0x3\r\nabc\r\n${END}`),
  wrong("a size with a plus", `+3\r\nabc\r\n${END}`),
  wrong("a size with a minus", `-3\r\nabc\r\n${END}`),
  wrong("a size with an underscore", `0_3\r\nabc\r\n${END}`),
  wrong("a size with a point", `3.\r\nabc\r\n${END}`),
  wrong("a space before the size", ` 3\r\nabc\r\n${END}`),
  wrong("a space behind the size", `3 \r\nabc\r\n${END}`),
  wrong("a tab behind the size", `3\t\r\nabc\r\n${END}`),
  wrong("no size", `\r\nabc\r\n${END}`),
  wrong("a size of 17 digits", `10000000000000003\r\nabc\r\n${END}`),
  {
    ...wrong("a size of 2 to the 64th less 1", `FFFFFFFFFFFFFFFF\r\nabc\r\n${END}`),
    nodeHttp: {
      because: "llhttp counts in 64 bits and refuses what is more; it waits for the rest",
      outcome: unfinished(400),
    },
  },
  wrong("a size that overflows twice", `1${"0".repeat(32)}3\r\nabc\r\n${END}`),
  wrong("a size that ends with a bare LF", `3\nabc\r\n${END}`),
  wrong("a size that ends with a bare CR", `3\rabc\r\n${END}`),
  wrong("a size with a NUL", `3\x00\r\nabc\r\n${END}`),
  wrong("longer than it says", `3\r\nabcd\r\n${END}`),
  wrong("shorter than it says", `5\r\nabc\r\n${END}`),
  wrong("no CRLF behind the data", `3\r\nabc${END}`),
  wrong("a bare LF behind the data", `3\r\nabc\n${END}`),
  wrong("a bare CR behind the data", `3\r\nabc\r${END}`),
  wrong("an extension with a bare LF", `3;a\nb\r\nabc\r\n${END}`),
  wrong("an extension with a bare CR", `3;a\rb\r\nabc\r\n${END}`),
  wrong("an extension with a NUL", `3;a\x00\r\nabc\r\n${END}`),
  wrong("an extension that ends with a bare LF (TERM.EXT)", `3;\nxx\r\nabc\r\n${END}`),
  wrong("an extension in quotes with a bare LF", `3;a="\n"\r\nabc\r\n${END}`),
  wrong("an extension in quotes with CRLF", `3;a="\r\n"\r\nabc\r\n${END}`),
  wrong("an extension in quotes that do not end", `3;a="b\r\nabc\r\n${END}`),
  {
    ...wrong("an extension without a name", `3;=b\r\nabc\r\n${END}`),
    nodeHttp: { because: "llhttp takes it for one with a name; extensions end here", outcome: whole },
  },
  wrong("an extension that is longer than any", `3;a=${"b".repeat(20_000)}\r\nabc\r\n${END}`),
  {
    ...wrong("extensions that are short and without end", `1;a=${"b".repeat(1000)}\r\na\r\n`.repeat(40) + END),
    nodeHttp: {
      because: "node bounds the extensions of one chunk, not those of a body",
      outcome: served({ method: "POST", target: "/", body: "a".repeat(40) }),
    },
  },
  wrong("a last chunk that ends with a bare LF", "3\r\nabc\r\n0\n\r\n"),
  wrong("a bare LF at the end", "3\r\nabc\r\n0\r\n\n"),
  wrong("a bare CR at the end", "3\r\nabc\r\n0\r\n\rX"),
  wrong("a minus zero at the end", "3\r\nabc\r\n-0\r\n\r\n"),
  wrong("a trailer without a colon", "3\r\nabc\r\n0\r\nx-a\r\n\r\n"),
  wrong("a trailer with a space before the colon", "3\r\nabc\r\n0\r\nx-a : 1\r\n\r\n"),
  wrong("a folded trailer", "3\r\nabc\r\n0\r\nx-a: 1\r\n 2\r\n\r\n"),
  wrong("a trailer with a bare LF", "3\r\nabc\r\n0\r\nx-a: 1\nx-b: 2\r\n\r\n"),
  wrong("a trailer with a NUL", "3\r\nabc\r\n0\r\nx-a: \x00\r\n\r\n"),
  wrong("a trailer that is longer than any", `3\r\nabc\r\n0\r\nx-a: ${"b".repeat(70_000)}`, 431),
  wrong("trailers without end", `3\r\nabc\r\n0\r\n${"x-a: 1\r\n".repeat(9000)}`, 431),
  wrong("a length among the trailers", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
  wrong("a coding among the trailers", "3\r\nabc\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"),
  right("an extension", `3;a=b;c\r\nabc\r\n${END}`),
  right("an extension in quotes", `3;a="b;c\\""\r\nabc\r\n${END}`),
  right("zeros before the size", `0000000003\r\nabc\r\n${END}`),
  right("three", `1\r\na\r\n1\r\nb\r\n1\r\nc\r\n000\r\n\r\n`),
  {
    name: "chunks: capitals in the size",
    bytes: `${start}A\r\n0123456789\r\na\r\n0123456789\r\n${END}`,
    outcome: served({ method: "POST", target: "/", body: "01234567890123456789" }),
  },
  {
    name: "trailers go no further, whatever their names",
    bytes: `${post(CHUNKED, "Trailer: X-A")}3\r\nabc\r\n0\r\nX-A: 1\r\nHost: b\r\nCookie: a=b\r\n\r\n`,
    outcome: served({
      method: "POST",
      target: "/",
      body: "abc",
      headers: { "x-a": undefined, trailer: undefined, cookie: undefined },
    }),
  },
  {
    name: "a trailer that closes the connection counts for nothing",
    bytes: `${start}3\r\nabc\r\n0\r\nConnection: close\r\n\r\n${get("/next")}`,
    outcome: served({ method: "POST", target: "/", body: "abc" }, { method: "GET", target: "/next" }),
    nodeHttp: {
      because: "llhttp heeds it, and takes no further request",
      outcome: servedThen(400, { method: "POST", target: "/", body: "abc" }),
    },
  },
  { name: "chunks without a last one", bytes: `${start}3\r\nabc\r\n`, outcome: unfinished(400) },
  { name: "a chunk that does not end", bytes: `${start}5\r\nabc`, outcome: unfinished(400) },
  { name: "trailers that do not end", bytes: `${start}3\r\nabc\r\n0\r\nX-A: 1\r\n`, outcome: unfinished(400) },
  {
    name: "chunks that are read: a bad one reaches nobody",
    bytes: `${head("POST /v1/chat/completions HTTP/1.1", CHUNKED)}2\r\n{}\r\nx\r\n`,
    outcome: { kind: "refused", status: 400 },
  },
];
