/** The head: line ends, request line, version and header lines (RFC 9112 sections 2 to 5). */
import { get, head, refused, served, servedThen, unfinished, type RequestCase } from "./cases.ts";

const root = { method: "GET", target: "/" };

function line(name: string, text: string, status = 400): RequestCase {
  return { name: `a request line: ${name}`, bytes: head(text), outcome: refused(status) };
}

function header(name: string, ...lines: readonly string[]): RequestCase {
  return { name: `a header: ${name}`, bytes: get("/", ...lines), outcome: refused(400) };
}

function bytes(name: string, text: string, status = 400): RequestCase {
  return { name, bytes: text, outcome: refused(status) };
}

const LENIENT_SPACES = {
  because: "llhttp skips spaces between the parts of a request line",
  outcome: served(root),
};
const LINE_ENDS = "llhttp skips line ends of all kinds before a request line, where nothing else may be";
const ONE_CODE_FOR_METHODS = {
  because: "llhttp knows a list of methods, and has one error for all others, be they tokens or not",
  outcome: refused(400),
};

export const heads: readonly RequestCase[] = [
  bytes("bare LFs throughout", "GET / HTTP/1.1\nHost: a\n\n"),
  bytes("a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
  bytes("a bare LF behind a header", "GET / HTTP/1.1\r\nHost: a\nX-A: 1\r\n\r\n"),
  bytes("a bare LF at the end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\nGET /smuggled HTTP/1.1\r\n\r\n"),
  bytes("bare CRs throughout", "GET / HTTP/1.1\rHost: a\r\r"),
  bytes("a bare CR behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
  bytes("a CR too many behind a header", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
  bytes("a CR too many at the end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"),
  bytes("a hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n"),
  bytes("a banner of SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
  bytes("a line of the PROXY protocol", `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${get("/")}`),
  bytes("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505),
  bytes("HTTP/0.9", "GET /\r\n\r\n", 505),
  line("the version 0.9", "GET / HTTP/0.9", 505),
  line("the version 1.2", "GET / HTTP/1.2", 505),
  line("the version 2.0", "GET / HTTP/2.0", 505),
  line("the version 3.7", "GET / HTTP/3.7", 505),
  line("a version in small letters", "GET / http/1.1"),
  line("a version without a point", "GET / HTTP/11"),
  line("a version with a zero", "GET / HTTP/01.1"),
  line("a version with three parts", "GET / HTTP/1.1.1"),
  line("a version that is no number", "GET / HTTP/1.x"),
  line("a space in the version", "GET / HTTP/ 1.1"),
  {
    ...line("another protocol", "GET / RTSP/1.0"),
    nodeHttp: { because: "llhttp reads RTSP too, and does not tell which it was", outcome: servedThen("closed", root) },
  },
  line("a protocol with a letter less", "GET / HTP/1.1"),
  line("something behind the version", "GET / HTTP/1.1 x"),
  line("a space behind the version", "GET / HTTP/1.1 "),
  line("a tab behind the version", "GET / HTTP/1.1\t"),
  line("no target", "GET  HTTP/1.1"),
  { ...line("two spaces before the target", "GET  / HTTP/1.1"), nodeHttp: LENIENT_SPACES },
  { ...line("two spaces behind the target", "GET /  HTTP/1.1"), nodeHttp: LENIENT_SPACES },
  line("a tab before the target", "GET\t/ HTTP/1.1"),
  line("a tab behind the target", "GET /\tHTTP/1.1"),
  line("a form feed before the target", "GET\x0c/ HTTP/1.1"),
  line("a space before the method", " GET / HTTP/1.1"),
  line("no method", "/ HTTP/1.1"),
  line("a method that is no token", "GE(T / HTTP/1.1"),
  line("a method with a NUL", "GE\x00T / HTTP/1.1"),
  line("a method beyond ASCII", "G\xc9T / HTTP/1.1"),
  line("a method with a colon", "GET: / HTTP/1.1"),
  { ...line("a method in small letters, which is another one", "get / HTTP/1.1", 501), nodeHttp: ONE_CODE_FOR_METHODS },
  { ...line("a method that nobody knows", "BREW / HTTP/1.1", 501), nodeHttp: ONE_CODE_FOR_METHODS },
  line("a target of 20 KiB", `GET /${"a".repeat(20_000)} HTTP/1.1`, 414),
  {
    ...line("a target of 70 KiB", `GET /${"a".repeat(70_000)} HTTP/1.1`, 414),
    nodeHttp: {
      because: "node counts request line and headers as one, and says no more than that",
      outcome: refused(431),
    },
  },
  bytes("a header of 70 KiB", get("/", `X-A: ${"a".repeat(70_000)}`), 431),
  bytes("a header name of 70 KiB", get("/", `${"a".repeat(70_000)}: 1`), 431),
  bytes("1,100 headers", get("/", ...Array.from({ length: 1100 }, (_, index) => `X-${index}: 1`)), 431),
  bytes("headers without end", `GET / HTTP/1.1\r\nHost: a\r\n${"X-A: 1\r\n".repeat(9000)}`, 431),
  header("a space before the colon", "X-A : 1"),
  header("a tab before the colon", "X-A\t: 1"),
  header("a space in the name", "X A: 1"),
  header("no colon", "X-A"),
  header("no name", ": 1"),
  header("a name of a space", " : 1"),
  header("a parenthesis in the name", "X(A: 1"),
  header("a slash in the name", "X/A: 1"),
  header("quotes in the name", '"X-A": 1'),
  header("a name beyond ASCII", "X-\xc9: 1"),
  header("a NUL in the name", "X-\x00A: 1"),
  header("a vertical tab in the name", "X-A\x0b: 1"),
  header("a NUL in the value", "X-A: 1\x002"),
  header("a control character in the value", "X-A: 1\x012"),
  header("a DEL in the value", "X-A: 1\x7f2"),
  header("an escape in the value", "X-A: \x1b[31m"),
  header("a bare CR in the value", "X-A: 1\r2"),
  header("a bare LF in the value", "X-A: 1\n2"),
  header("folded with a space", "X-A: 1\r\n 2"),
  header("folded with a tab", "X-A: 1\r\n\t2"),
  header("folded with nothing on its line", "X-A:\r\n \r\n"),
  bytes("the first header is folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
  bytes("a space before the first header, which some ignore", "GET / HTTP/1.1\r\n X-A: 1\r\nHost: a\r\n\r\n"),
  bytes("a tab before the first header", "GET / HTTP/1.1\r\n\tX-A: 1\r\nHost: a\r\n\r\n"),
  {
    ...bytes("a bare LF before the request line", `\n${get("/")}`),
    nodeHttp: { because: LINE_ENDS, outcome: served(root) },
  },
  {
    ...bytes("a bare CR before the request line", `\r${get("/")}`),
    nodeHttp: { because: LINE_ENDS, outcome: served(root) },
  },
  { name: "a head that does not end", bytes: "GET / HTTP/1.1\r\nHost: a\r\n", outcome: unfinished(400) },
  { name: "a request line that does not end", bytes: "GET /", outcome: unfinished(400) },
  { name: "empty lines before the request line", bytes: `\r\n\r\n${get("/")}`, outcome: served(root) },
  {
    name: "a header: every sign that a name may have",
    bytes: get("/", "!#$%&'*+-.^_`|~09azAZ: 1"),
    outcome: served({ ...root, headers: { "!#$%&'*+-.^_`|~09azaz": "1" } }),
  },
  {
    name: "a header: empty, of white space, and with white space around",
    bytes: get("/", "X-A:", "X-B: \t ", "X-C:\t 1 \t2 \t"),
    outcome: served({ ...root, headers: { "x-a": "", "x-b": "", "x-c": "1 \t2" } }),
  },
  {
    name: "a header: bytes beyond ASCII",
    bytes: get("/", "X-A: caf\xe9 \xff"),
    outcome: served({ ...root, headers: { "x-a": "caf\xe9 \xff" } }),
  },
  {
    name: "900 headers",
    bytes: get("/", ...Array.from({ length: 900 }, (_, index) => `X-${index}: 1`)),
    outcome: served({ ...root, headers: { "x-899": "1" } }),
  },
];
