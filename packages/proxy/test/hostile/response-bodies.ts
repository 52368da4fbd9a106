/** Where an answer ends: lengths, codings, chunks, and what comes behind the end (RFC 9112 sections 6 to 9). */
import { cut, discarded, relayed, type ResponseCase, type ResponseOutcome } from "./cases.ts";

const CHUNKED = "Transfer-Encoding: chunked";
const END = "0\r\n\r\n";
/** What a desynchronised gateway would give to the next caller. */
const PLANTED = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";

const ok = (...lines: readonly string[]): string => ["HTTP/1.1 200 OK", ...lines, "", ""].join("\r\n");
const sized = (status: string, text: string, ...lines: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, `Content-Length: ${text.length}`, ...lines, "", text].join("\r\n");

function length(name: string, ...lines: readonly string[]): ResponseCase {
  return { name: `a length: ${name}`, bytes: `${ok(...lines)}ok`, outcome: discarded };
}

function coding(name: string, ...lines: readonly string[]): ResponseCase {
  return { name: `a coding: ${name}`, bytes: `${ok(...lines)}2\r\nok\r\n${END}`, outcome: discarded };
}

function chunks(name: string, body: string, outcome: ResponseOutcome = discarded): ResponseCase {
  return { name: `chunks: ${name}`, bytes: ok(CHUNKED) + body, outcome };
}

const WAITS = { because: "llhttp counts in 64 bits; what it waits for never comes", outcome: cut };

export const responseBodies: readonly ResponseCase[] = [
  length("twice, and they differ", "Content-Length: 2", "Content-Length: 3"),
  length("twice, the same", "Content-Length: 2", "Content-Length: 2"),
  length("listed twice", "Content-Length: 2, 2"),
  length("a list of two that differ", "Content-Length: 2,3"),
  length("with a plus", "Content-Length: +2"),
  length("with a minus", "Content-Length: -2"),
  length("hexadecimal", "Content-Length: 0x2"),
  length("with a space inside", "Content-Length: 2 2"),
  length("empty", "Content-Length:"),
  length("a word", "Content-Length: two"),
  length("2 to the 64th and 2", "Content-Length: 18446744073709551618"),
  length("2 to the 53rd and 1", "Content-Length: 9007199254740993"),
  length("a space before the colon", "Content-Length : 2"),
  {
    name: "a length with leading zeros, which is one",
    bytes: `${ok("Content-Length: 0000000000000000000002")}ok`,
    outcome: relayed("kept"),
  },
  length("on a folded line", "Content-Length:\r\n 2"),
  length("behind a bare LF", "X-A: 1\nContent-Length: 2"),
  length("with chunks", "Content-Length: 2", CHUNKED),
  coding("with a length", CHUNKED, "Content-Length: 2"),
  coding("with a length of 0", CHUNKED, "Content-Length: 0"),
  coding("xchunked", "Transfer-Encoding: xchunked"),
  coding("gzip", "Transfer-Encoding: gzip"),
  coding("gzip, chunked", "Transfer-Encoding: gzip, chunked"),
  coding("chunked, gzip", "Transfer-Encoding: chunked, gzip"),
  coding("identity", "Transfer-Encoding: identity"),
  coding("chunked, identity", "Transfer-Encoding: chunked, identity"),
  coding("chunked, chunked", "Transfer-Encoding: chunked, chunked"),
  coding("chunked in two headers", CHUNKED, CHUNKED),
  coding("nothing", "Transfer-Encoding:"),
  coding("a space before the colon", "Transfer-Encoding : chunked"),
  coding("a vertical tab before it", "Transfer-Encoding: \x0bchunked"),
  coding("on a folded line", "Transfer-Encoding:\r\n chunked"),
  {
    name: "a coding: chunked in HTTP/1.0",
    bytes: `HTTP/1.0 200 OK\r\n${CHUNKED}\r\n\r\n2\r\nok\r\n${END}`,
    outcome: discarded,
    undici: {
      because: "undici does not tell the version; it reads the chunks, and what the client gets is framed anew",
      outcome: relayed("closed"),
    },
  },
  { name: "a length: zeros before it", bytes: `${ok("Content-Length: 002")}ok`, outcome: relayed("kept") },
  {
    name: "a coding: in capitals",
    bytes: `${ok("TRANSFER-ENCODING: CHUNKED")}2\r\nok\r\n${END}`,
    outcome: relayed("kept"),
  },
  chunks("a size that is none", `x\r\nok\r\n${END}`),
  chunks("a size with 0x", `0x2\r\nok\r\n${END}`),
  chunks("a size with a plus", `+2\r\nok\r\n${END}`),
  chunks("a size with a minus", `-2\r\nok\r\n${END}`),
  chunks("a space before the size", ` 2\r\nok\r\n${END}`),
  chunks("a space behind the size", `2 \r\nok\r\n${END}`),
  chunks("no size", `\r\nok\r\n${END}`),
  chunks("a size of 17 digits", `10000000000000002\r\nok\r\n${END}`),
  chunks("a size that ends with a bare LF", `2\nok\r\n${END}`),
  chunks("a size that ends with a bare CR", `2\rok\r\n${END}`),
  chunks("an extension with a bare LF", `2;a\nb\r\nok\r\n${END}`),
  chunks("an extension with a bare CR", `2;a\rb\r\nok\r\n${END}`),
  chunks("an extension with a NUL", `2;a\x00\r\nok\r\n${END}`),
  { ...chunks("a size of 2 to the 64th less 1", `FFFFFFFFFFFFFFFF\r\nok\r\n${END}`), ends: true, undici: WAITS },
  chunks("longer than it says", `2\r\nokay\r\n${END}`, cut),
  chunks("a bare LF behind the data", `2\r\nok\n${END}`, cut),
  chunks("a second size that is none", `2\r\nok\r\nx\r\n`, cut),
  chunks("a trailer without a colon", `2\r\nok\r\n0\r\nx-a\r\n\r\n`, cut),
  chunks("a folded trailer", `2\r\nok\r\n0\r\nx-a: 1\r\n 2\r\n\r\n`, cut),
  chunks("a trailer with a bare LF", `2\r\nok\r\n0\r\nx-a: 1\nx-b: 2\r\n\r\n`, cut),
  chunks("trailers without end", `2\r\nok\r\n0\r\n${"x-a: 1\r\n".repeat(9000)}`, cut),
  { ...chunks("no last one", "2\r\nok\r\n", cut), ends: true },
  { ...chunks("one that does not end", "5\r\nok", cut), ends: true },
  { ...chunks("none at all", "", discarded), ends: true },
  chunks("an extension", `2;a="b;c"\r\nok\r\n${END}`, relayed("kept")),
  chunks(
    "trailers go no further",
    `2\r\nok\r\n0\r\nX-A: 1\r\nSet-Cookie: a=b\r\n\r\n`,
    relayed("kept", { headers: { "x-a": undefined, "set-cookie": undefined, trailer: undefined } }),
  ),
  { name: "an answer that is shorter than it says", bytes: `${ok("Content-Length: 5")}ok`, ends: true, outcome: cut },
  {
    name: "an answer that is a head alone, and says more",
    bytes: ok("Content-Length: 5"),
    ends: true,
    outcome: discarded,
  },
  { name: "an answer that ends with the connection", bytes: `${ok()}ok`, ends: true, outcome: relayed("closed") },
  {
    name: "an answer of nothing that ends with the connection",
    bytes: ok(),
    ends: true,
    outcome: relayed("closed", { body: "" }),
  },
  { name: "bytes behind the end", bytes: `${sized("200 OK", "ok")}more`, outcome: relayed("closed") },
  { name: "an answer behind the end", bytes: sized("200 OK", "ok") + PLANTED, outcome: relayed("closed") },
  {
    name: "an answer behind the last chunk",
    bytes: `${ok(CHUNKED)}2\r\nok\r\n${END}${PLANTED}`,
    outcome: relayed("closed"),
  },
  {
    name: "an answer behind one of length 0",
    bytes: ok("Content-Length: 0") + PLANTED,
    outcome: relayed("closed", { body: "" }),
  },
  {
    name: "204 with a body",
    bytes: sized("204 No Content", PLANTED),
    outcome: relayed("closed", { status: 204, body: "" }),
  },
  {
    name: "204 with a body of no length",
    bytes: `HTTP/1.1 204 No Content\r\n\r\n${PLANTED}`,
    outcome: relayed("closed", { status: 204, body: "" }),
  },
  {
    name: "204 with chunks",
    bytes: `HTTP/1.1 204 No Content\r\n${CHUNKED}\r\n\r\n2\r\nok\r\n${END}`,
    outcome: relayed("closed", { status: 204, body: "", headers: { "transfer-encoding": undefined } }),
  },
  { name: "204", bytes: "HTTP/1.1 204 No Content\r\n\r\n", outcome: relayed("kept", { status: 204, body: "" }) },
  {
    name: "304 with a body",
    bytes: sized("304 Not Modified", PLANTED, 'ETag: "1"'),
    outcome: relayed("closed", { status: 304, body: "", headers: { etag: '"1"' } }),
  },
  {
    name: "304 with a length and no body, which is right",
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\nETag: "1"\r\n\r\n',
    outcome: relayed("either", { status: 304, body: "", headers: { etag: '"1"' } }),
  },
  {
    name: "HEAD with a body",
    method: "HEAD",
    bytes: sized("200 OK", PLANTED),
    outcome: relayed("closed", { body: "" }),
  },
  {
    name: "HEAD with chunks",
    method: "HEAD",
    bytes: `${ok(CHUNKED)}2\r\nok\r\n${END}`,
    outcome: relayed("closed", { body: "" }),
  },
  {
    name: "HEAD with a length and no body, which is right",
    method: "HEAD",
    bytes: ok("Content-Length: 12"),
    outcome: relayed("either", { body: "", headers: { "content-length": "12" } }),
  },
  {
    name: "204 with a length, which none may have",
    bytes: ["HTTP/1.1 204 No Content", "Content-Length: 0", "", ""].join("\r\n"),
    outcome: relayed("either", { status: 204, body: "", headers: { "content-length": undefined } }),
  },
];
