/** The head of an answer: status line, headers, informational answers, and what stays here (RFC 9112 sections 4 and 5). */
import { discarded, relayed, type ResponseCase } from "./cases.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

function line(name: string, text: string): ResponseCase {
  return { name: `a status line: ${name}`, bytes: `${text}\r\nContent-Length: 2\r\n\r\nok`, outcome: discarded };
}

function header(name: string, ...lines: readonly string[]): ResponseCase {
  return {
    name: `a header: ${name}`,
    bytes: ["HTTP/1.1 200 OK", "Content-Length: 2", ...lines, "", "ok"].join("\r\n"),
    outcome: discarded,
  };
}

function informational(name: string, ...heads: readonly string[]): ResponseCase {
  return {
    name: `informational: ${name}`,
    bytes: heads.map((text) => `${text}\r\n\r\n`).join("") + OK,
    outcome: relayed("kept"),
  };
}

const VERSION_UNTOLD = {
  because: "llhttp knows these versions, and undici does not tell which it was; the framing is that of HTTP/1.x",
  outcome: relayed("either"),
};

const bytes = (name: string, text: string): ResponseCase => ({ name, bytes: text, outcome: discarded });

export const responseHeads: readonly ResponseCase[] = [
  bytes("no HTTP at all", "hello\r\n\r\n"),
  bytes("HTML", "<html><body>no</body></html>"),
  bytes("a TLS alert", "\x15\x03\x01\x00\x02\x02\x46"),
  bytes("a banner of SSH", "SSH-2.0-OpenSSH_9.2\r\n"),
  bytes("a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  bytes("bare LFs throughout", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
  bytes("a bare LF at the end of the head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"),
  { ...bytes("nothing", ""), ends: true },
  { ...bytes("half a status line", "HTTP/1.1 2"), ends: true },
  { ...bytes("half a head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), ends: true },
  line("the status 000", "HTTP/1.1 000 OK"),
  line("the status 099", "HTTP/1.1 099 OK"),
  line("the status 99", "HTTP/1.1 99 OK"),
  line("the status 20", "HTTP/1.1 20 OK"),
  line("the status 600", "HTTP/1.1 600 OK"),
  line("the status 999", "HTTP/1.1 999 OK"),
  line("the status 1000", "HTTP/1.1 1000 OK"),
  line("the status 2000", "HTTP/1.1 2000 OK"),
  line("a status with a plus", "HTTP/1.1 +200 OK"),
  line("a status with a minus", "HTTP/1.1 -200 OK"),
  line("a status with a space inside", "HTTP/1.1 2 00 OK"),
  line("a status in words", "HTTP/1.1 OK"),
  line("no status", "HTTP/1.1"),
  line("two spaces before the status", "HTTP/1.1  200 OK"),
  line("a tab before the status", "HTTP/1.1\t200 OK"),
  line("a space before it", " HTTP/1.1 200 OK"),
  line("a version in small letters", "http/1.1 200 OK"),
  line("a version without a point", "HTTP/11 200 OK"),
  line("the version 1.2", "HTTP/1.2 200 OK"),
  { ...line("the version 2.0", "HTTP/2.0 200 OK"), undici: VERSION_UNTOLD },
  { ...line("the version 0.9", "HTTP/0.9 200 OK"), undici: VERSION_UNTOLD },
  line("another protocol", "ICY 200 OK"),
  { ...line("RTSP", "RTSP/1.0 200 OK"), undici: VERSION_UNTOLD },
  line("a bare CR in the reason", "HTTP/1.1 200 O\rK"),
  line("a bare LF in the reason", "HTTP/1.1 200 O\nX-A: 1"),
  {
    ...line("a NUL in the reason", "HTTP/1.1 200 O\x00K"),
    undici: { because: "llhttp looks at no more of it than its end; it goes no further", outcome: relayed("kept") },
  },
  { ...line("no reason", "HTTP/1.1 200 "), outcome: relayed("kept") },
  { ...line("bytes beyond ASCII in the reason", "HTTP/1.1 200 caf\xe9"), outcome: relayed("kept") },
  header("a space before the colon", "X-A : 1"),
  header("a space in the name", "X A: 1"),
  header("no colon", "X-A"),
  header("no name", ": 1"),
  header("a parenthesis in the name", "X(A: 1"),
  header("a name beyond ASCII", "X-\xc9: 1"),
  header("a NUL in the name", "X-\x00A: 1"),
  header("a NUL in the value", "X-A: 1\x002"),
  header("a control character in the value", "X-A: 1\x012"),
  header("a DEL in the value", "X-A: 1\x7f2"),
  header("folded with a space", "X-A: 1\r\n 2"),
  header("folded with a tab", "X-A: 1\r\n\t2"),
  header("a bare LF and a header of another's", "X-A: 1\nSet-Cookie: a=b"),
  header("a bare CR and a header of another's", "X-A: 1\rSet-Cookie: a=b"),
  header("of 70 KiB", `X-A: ${"a".repeat(70_000)}`),
  header("9,000 of them", ...Array.from({ length: 9000 }, (_, index) => `X-${index}: 1`)),
  bytes("a space before the first header", "HTTP/1.1 200 OK\r\n X-A: 1\r\nContent-Length: 2\r\n\r\nok"),
  {
    ...header("bytes beyond ASCII, empty ones, and two of a name", "X-A: caf\xe9", "X-B:", "X-C: 1", "X-C: 2"),
    outcome: relayed("kept", { headers: { "x-a": "caf\xe9", "x-b": "", "x-c": "1, 2" } }),
  },
  {
    ...header("an encoded CRLF stays encoded", "Location: /%0d%0aSet-Cookie:%20a=b"),
    outcome: relayed("kept", { headers: { location: "/%0d%0aSet-Cookie:%20a=b", "set-cookie": undefined } }),
  },
  {
    ...header(
      "those of one connection stay here",
      "Connection: x-a, X-B , keep-alive",
      "X-A: 1",
      "X-B: 1",
      "Keep-Alive: timeout=9",
      "Proxy-Authenticate: Basic",
      "Proxy-Connection: keep-alive",
      "Trailer: X-T",
      "TE: trailers",
      "Upgrade: h2c",
      "X-C: 1",
    ),
    outcome: relayed("kept", {
      headers: {
        connection: "keep-alive",
        "x-a": undefined,
        "x-b": undefined,
        "proxy-authenticate": undefined,
        "proxy-connection": undefined,
        trailer: undefined,
        te: undefined,
        upgrade: undefined,
        "x-c": "1",
      },
    }),
  },
  {
    ...header("Connection: close ends the upstream's connection, not the client's", "Connection: close"),
    outcome: relayed("closed", { headers: { connection: "keep-alive" } }),
  },
  {
    name: "426 offers nothing to the client",
    bytes: "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: TLS/1.0\r\nContent-Length: 2\r\n\r\nok",
    outcome: relayed("either", { status: 426, headers: { upgrade: undefined } }),
  },
  bytes(
    "101, which nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello",
  ),
  bytes("101 without words", `HTTP/1.1 101 Switching Protocols\r\n\r\n${OK}`),
  {
    ...informational("100, which nobody asked for", "HTTP/1.1 100 Continue"),
    undici: { because: "undici takes it for a fault, as it never sends Expect", outcome: discarded },
  },
  informational("102", "HTTP/1.1 102 Processing"),
  informational("103 and its headers end here", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-A: 1"),
  informational("one that nobody knows", "HTTP/1.1 199 Odd"),
  informational("several", "HTTP/1.1 102 Processing", "HTTP/1.1 103 Early Hints", "HTTP/1.1 102 Processing"),
  informational("with a length that counts for nothing", "HTTP/1.1 102 Processing\r\nContent-Length: 2"),
  informational("a hundred", ...Array.from({ length: 100 }, () => "HTTP/1.1 102 Processing")),
  {
    ...informational("a hundred and one", ...Array.from({ length: 101 }, () => "HTTP/1.1 102 Processing")),
    outcome: discarded,
  },
  {
    ...informational("and nothing behind it", "HTTP/1.1 103 Early Hints"),
    bytes: "HTTP/1.1 103 Early Hints\r\n\r\n",
    ends: true,
    outcome: discarded,
  },
  {
    name: "HTTP/1.0 with a length",
    bytes: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    outcome: relayed("closed"),
  },
  { name: "HTTP/1.0 without a length", bytes: "HTTP/1.0 200 OK\r\n\r\nok", ends: true, outcome: relayed("closed") },
  {
    name: "HTTP/1.0 with keep-alive",
    bytes: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    outcome: relayed("either"),
  },
];
