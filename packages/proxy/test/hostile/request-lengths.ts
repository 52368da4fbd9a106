/** Where a body ends: Content-Length, Transfer-Encoding and both (RFC 9112 sections 6 and 7; CL.TE, TE.CL, TE.TE). */
import { broken, get, head, post, refused, served, unfinished, type RequestCase } from "./cases.ts";

const CHUNKED = "Transfer-Encoding: chunked";
const END = "0\r\n\r\n";
/** What a desynchronised upstream would take for the next request. */
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

const abc = { method: "POST", target: "/", body: "abc" };
const whole = served(abc);

function coding(name: string, line: string): RequestCase {
  return { name: `a coding: ${name}`, bytes: post(line) + END + SMUGGLED, outcome: refused(400) };
}

function length(name: string, ...lines: readonly string[]): RequestCase {
  return { name: `a length: ${name}`, bytes: `${post(...lines)}abc${SMUGGLED}`, outcome: refused(400) };
}

export const lengths: readonly RequestCase[] = [
  { name: "CL.TE", bytes: `${post("Content-Length: 6", CHUNKED)}${END}G`, outcome: refused(400) },
  {
    name: "CL.TE with a request inside",
    bytes: post(`Content-Length: ${END.length + SMUGGLED.length}`, CHUNKED) + END + SMUGGLED,
    outcome: refused(400),
  },
  { name: "TE.CL", bytes: `${post(CHUNKED, "Content-Length: 4")}24\r\n${SMUGGLED}\r\n${END}`, outcome: refused(400) },
  { name: "chunked with a length of 0", bytes: post("Content-Length: 0", CHUNKED) + END, outcome: refused(400) },
  { name: "chunked with the right length", bytes: post(CHUNKED, "Content-Length: 5") + END, outcome: refused(400) },
  {
    name: "TE.TE: a second coding hides the first",
    bytes: `${post(CHUNKED, "Transfer-Encoding: x", "Content-Length: 4")}5c\r\n${SMUGGLED}`,
    outcome: refused(400),
  },
  {
    name: "TE.TE: two headers, the second unknown",
    bytes: post(CHUNKED, "Transfer-Encoding: x") + END,
    outcome: refused(400),
  },
  {
    name: "TE.TE: two headers, the first unknown",
    bytes: post("Transfer-Encoding: x", CHUNKED) + END,
    outcome: refused(400),
  },
  { name: "TE.TE: chunked in two headers", bytes: post(CHUNKED, CHUNKED) + END, outcome: refused(400) },
  {
    name: "TE.TE: chunked in two headers, written differently",
    bytes: post(CHUNKED, "transfer-encoding: Chunked") + END,
    outcome: refused(400),
  },
  coding("xchunked", "Transfer-Encoding: xchunked"),
  coding("chunkedx", "Transfer-Encoding: chunkedx"),
  coding("chunked, identity", "Transfer-Encoding: chunked, identity"),
  coding("identity, chunked", "Transfer-Encoding: identity, chunked"),
  coding("identity", "Transfer-Encoding: identity"),
  coding("gzip", "Transfer-Encoding: gzip"),
  coding("gzip, chunked", "Transfer-Encoding: gzip, chunked"),
  coding("chunked, chunked", "Transfer-Encoding: chunked, chunked"),
  coding("chunked with a comma behind it", "Transfer-Encoding: chunked,"),
  coding("chunked with a comma before it", "Transfer-Encoding: ,chunked"),
  coding("chunked with a parameter", "Transfer-Encoding: chunked;q=1"),
  coding("chunked in quotes", 'Transfer-Encoding: "chunked"'),
  coding("nothing", "Transfer-Encoding:"),
  coding("a vertical tab before it", "Transfer-Encoding: \x0bchunked"),
  coding("a form feed behind it", "Transfer-Encoding: chunked\x0c"),
  coding("a NUL in it", "Transfer-Encoding: chun\x00ked"),
  coding("a no-break space before it", "Transfer-Encoding: \xa0chunked"),
  coding("a space before the colon", "Transfer-Encoding : chunked"),
  coding("a tab before the colon", "Transfer-Encoding\t: chunked"),
  coding("a space before the name", " Transfer-Encoding: chunked"),
  coding("on a folded line", "Transfer-Encoding:\r\n chunked"),
  coding("behind a bare LF", "X-A: x\nTransfer-Encoding: chunked"),
  coding("behind a bare CR", "X-A: x\rTransfer-Encoding: chunked"),
  {
    name: "chunked in HTTP/1.0",
    bytes: head("POST / HTTP/1.0", CHUNKED) + END,
    outcome: refused(400),
  },
  {
    name: "chunked in HTTP/1.0 with a length and keep-alive",
    bytes: head("POST / HTTP/1.0", "Connection: keep-alive", CHUNKED, "Content-Length: 5") + END,
    outcome: refused(400),
  },
  { name: "a coding: in capitals", bytes: `${post("TRANSFER-ENCODING: CHUNKED")}3\r\nabc\r\n${END}`, outcome: whole },
  {
    name: "a coding: white space around it",
    bytes: `${post("Transfer-Encoding:\t chunked  ")}3\r\nabc\r\n${END}`,
    outcome: whole,
  },
  {
    name: "a coding: a tab behind it",
    bytes: `${post("Transfer-Encoding: chunked\t")}3\r\nabc\r\n${END}`,
    outcome: whole,
    nodeHttp: {
      because: "llhttp takes off spaces and no tabs, and says so after it has handed on the head",
      outcome: broken(400),
    },
  },
  {
    name: "a coding under another name is a header like any other",
    bytes: `${post("Transfer_Encoding: chunked", "Content-Length: 3")}abc`,
    outcome: served({ ...abc, headers: { "transfer-encoding": undefined, "content-length": "3" } }),
  },
  {
    name: "a content coding is none of the message",
    bytes: `${post("Content-Encoding: chunked", "Content-Length: 3")}abc`,
    outcome: served({ ...abc, headers: { "content-encoding": "chunked" } }),
  },
  length("listed twice", "Content-Length: 3, 3"),
  length("a list of two that differ", "Content-Length: 3,4"),
  length("twice, the same", "Content-Length: 3", "Content-Length: 3"),
  length("twice, and they differ", "Content-Length: 3", "content-length: 4"),
  length("with a plus", "Content-Length: +3"),
  length("with a minus", "Content-Length: -3"),
  length("hexadecimal", "Content-Length: 0x3"),
  length("with a space inside", "Content-Length: 3 3"),
  length("with a point", "Content-Length: 3.0"),
  length("with an exponent", "Content-Length: 3e0"),
  length("with an underscore", "Content-Length: 1_0"),
  length("in quotes", 'Content-Length: "3"'),
  length("empty", "Content-Length:"),
  length("of spaces", "Content-Length:  "),
  length("with a semicolon", "Content-Length: 3;"),
  length("a word", "Content-Length: three"),
  length("digits beyond ASCII", "Content-Length: \xb3"),
  length("a vertical tab before it", "Content-Length: \x0b3"),
  length("a space before the colon", "Content-Length : 3"),
  length("on a folded line", "Content-Length:\r\n 3"),
  length("folded in the middle", "Content-Length: 1\r\n 0"),
  length("behind a bare LF", "X-A: x\nContent-Length: 3"),
  length("2 to the 64th and 3, which is 3 to whoever overflows", "Content-Length: 18446744073709551619"),
  length("of a hundred digits", `Content-Length: ${"9".repeat(100)}`),
  {
    name: "a length: 2 to the 53rd and 1, which no number of JavaScript is",
    bytes: `${post("Content-Length: 9007199254740993")}abc`,
    outcome: refused(413),
  },
  {
    name: "a length: 2 to the 64th less 1",
    bytes: `${post("Content-Length: 18446744073709551615")}abc`,
    outcome: refused(413),
  },
  { name: "a length: white space around it", bytes: `${post("Content-Length:\t3 \t")}abc`, outcome: whole },
  {
    name: "a length: zeros before it",
    bytes: `${post("Content-Length: 003")}abc`,
    outcome: served({ ...abc, headers: { "content-length": "3" } }),
  },
  {
    name: "a body that is shorter than its length",
    bytes: `${post("Content-Length: 4")}abc`,
    outcome: unfinished(400),
  },
  {
    name: "a body that is read and shorter than its length",
    bytes: `${head("POST /v1/chat/completions HTTP/1.1", "Content-Length: 4")}{}`,
    outcome: unfinished(400),
  },
  { name: "no length and no coding is no body", bytes: post(), outcome: served({ method: "POST", target: "/" }) },
  {
    name: "a length of 0 is no body",
    bytes: post("Content-Length: 0"),
    outcome: served({ method: "POST", target: "/", headers: { "transfer-encoding": undefined } }),
  },
  { name: "no chunks are no body", bytes: post(CHUNKED) + END, outcome: served({ method: "POST", target: "/" }) },
  {
    name: "a GET with a body",
    bytes: `${get("/", "Content-Length: 3")}abc`,
    outcome: served({ method: "GET", target: "/", body: "abc" }),
  },
  {
    name: "a GET with chunks",
    bytes: `${get("/", CHUNKED)}3\r\nabc\r\n${END}`,
    outcome: served({ method: "GET", target: "/", body: "abc" }),
  },
  {
    name: "a GET whose body looks like a request",
    bytes: get("/", `Content-Length: ${SMUGGLED.length}`) + SMUGGLED,
    outcome: served({ method: "GET", target: "/", body: SMUGGLED }),
  },
  ...["DELETE", "OPTIONS", "PATCH", "PUT", "HEAD"].map((method): RequestCase => ({
    name: `a ${method} with a body`,
    bytes: `${head(`${method} / HTTP/1.1`, "Content-Length: 3")}abc`,
    outcome: served({ method, target: "/", body: "abc" }),
  })),
  {
    name: "a length in HTTP/1.0",
    bytes: `${head("POST / HTTP/1.0", "Connection: keep-alive", "Content-Length: 3")}abc`,
    outcome: whole,
  },
];
