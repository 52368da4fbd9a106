/** What a request asks of the connection: Expect, Upgrade, Connection, methods, and requests in a row. */
import { answered, get, head, post, refused, served, servedThen, type RequestCase, type Seen } from "./cases.ts";

const root = { method: "GET", target: "/" };
const abc = { method: "POST", target: "/", body: "abc" };
const NOT_TOLD =
  "node closes the connection of a client that waited to be told and was not; RFC 9110 forbids it to wait";
const LOST = "node's parser loses what comes with a request that asks for an upgrade; nothing behind it is served";
const CHUNKED = "Transfer-Encoding: chunked";
const WEBSOCKET = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhl"];

function at(target: string): Seen {
  return { method: "GET", target };
}

export const semantics: readonly RequestCase[] = [
  {
    name: "Expect: 100-continue with a body",
    bytes: `${post("Expect: 100-continue", "Content-Length: 3")}abc`,
    interim: [100],
    outcome: served({ ...abc, headers: { expect: undefined } }),
  },
  {
    name: "Expect: 100-continue in capitals, with chunks",
    bytes: `${post("Expect: 100-CONTINUE", CHUNKED)}3\r\nabc\r\n0\r\n\r\n`,
    interim: [100],
    outcome: served({ ...abc, headers: { expect: undefined } }),
  },
  {
    name: "Expect: 100-continue without a body",
    bytes: get("/", "Expect: 100-continue"),
    outcome: served({ ...root, headers: { expect: undefined } }),
    nodeHttp: { because: NOT_TOLD, outcome: servedThen("closed", root) },
  },
  {
    name: "Expect: 100-continue with a body of nothing",
    bytes: post("Expect: 100-continue", "Content-Length: 0"),
    outcome: served({ method: "POST", target: "/" }),
    nodeHttp: { because: NOT_TOLD, outcome: servedThen("closed", { method: "POST", target: "/" }) },
  },
  {
    name: "Expect: 100-continue in HTTP/1.0 counts for nothing",
    bytes: `${head("POST / HTTP/1.0", "Connection: keep-alive", "Expect: 100-continue", "Content-Length: 3")}abc`,
    outcome: served({ ...abc, headers: { expect: undefined } }),
  },
  {
    name: "Expect: 100-continue for a request that is refused",
    bytes: `POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
    outcome: refused(400),
  },
  ...["200-ok", "100-continue, x", "x, 100-continue", "100", "100-continued", "", '"100-continue"'].map(
    (value): RequestCase => ({
      name: `Expect: ${value === "" ? "nothing" : value}`,
      bytes: `${post(`Expect: ${value}`, "Content-Length: 3")}abc`,
      outcome: refused(417),
    }),
  ),
  {
    name: "Expect: twice",
    bytes: `${post("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 3")}abc`,
    outcome: refused(417),
  },
  { name: "Upgrade: websocket", bytes: get("/", ...WEBSOCKET), outcome: refused(501) },
  {
    name: "Upgrade: websocket to an LLM route",
    bytes: get("/v1/realtime?model=x", ...WEBSOCKET),
    outcome: refused(501),
  },
  {
    name: "Upgrade: websocket in capitals, in lists",
    bytes: get("/", "Connection: keep-alive, UPGRADE", "Upgrade: h2c, WebSocket"),
    outcome: refused(501),
  },
  {
    name: "Upgrade: websocket, and a frame behind it",
    bytes: `${get("/", ...WEBSOCKET)}\x81\x05hello`,
    outcome: refused(501),
  },
  {
    name: "Upgrade: websocket, and a request behind it (as if it had been agreed)",
    bytes: get("/", ...WEBSOCKET) + get("/smuggled"),
    outcome: refused(501),
  },
  {
    name: "Upgrade: websocket that Connection does not name counts for nothing",
    bytes: get("/", "Upgrade: websocket"),
    outcome: served({ ...root, headers: { upgrade: undefined } }),
  },
  {
    name: "Upgrade: websocket in HTTP/1.0 counts for nothing",
    bytes: head("GET / HTTP/1.0", "Connection: keep-alive, Upgrade", "Upgrade: websocket"),
    outcome: served({ ...root, headers: { upgrade: undefined } }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  {
    name: "Upgrade: h2c counts for nothing, and its settings stay here (h2c smuggling)",
    bytes: get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    outcome: served({
      ...root,
      headers: { upgrade: undefined, connection: "keep-alive", "http2-settings": undefined },
    }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  {
    name: "Upgrade: h2c, its settings not named by Connection",
    bytes: get("/", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    outcome: served({ ...root, headers: { upgrade: undefined, "http2-settings": undefined } }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  {
    name: "Upgrade: h2c with a body",
    bytes: `${post("Connection: Upgrade", "Upgrade: h2c", "Content-Length: 3")}abc`,
    outcome: served({ ...abc, headers: { upgrade: undefined } }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", abc) },
  },
  {
    name: "Upgrade: TLS/1.0 counts for nothing",
    bytes: get("/", "Connection: Upgrade", "Upgrade: TLS/1.0"),
    outcome: served({ ...root, headers: { upgrade: undefined } }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  {
    name: "Upgrade: foo, and a request behind it in the same bytes",
    bytes: get("/", "Connection: Upgrade", "Upgrade: foo") + get("/next"),
    outcome: served({ ...root, headers: { upgrade: undefined } }, at("/next")),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  {
    name: "Upgrade: foo, and behind it a body that looks like a request",
    bytes: `${get("/", "Connection: Upgrade", "Upgrade: foo")}${post(`Content-Length: ${get("/smuggled").length}`)}${get("/smuggled")}`,
    outcome: served(root, { method: "POST", target: "/", body: get("/smuggled") }),
    nodeHttp: { because: LOST, outcome: servedThen("closed", root) },
  },
  { name: "TRACE, whose answer would show the key", bytes: head("TRACE / HTTP/1.1"), outcome: refused(405) },
  { name: "TRACE with a body", bytes: `${head("TRACE / HTTP/1.1", "Content-Length: 3")}abc`, outcome: refused(405) },
  { name: "OPTIONS", bytes: head("OPTIONS /a HTTP/1.1"), outcome: served({ method: "OPTIONS", target: "/a" }) },
  {
    name: "OPTIONS that nobody may pass on",
    bytes: head("OPTIONS /a HTTP/1.1", "Max-Forwards: 0"),
    outcome: answered(204),
  },
  {
    name: "OPTIONS that ten may pass on",
    bytes: head("OPTIONS /a HTTP/1.1", "Max-Forwards: 10"),
    outcome: served({ method: "OPTIONS", target: "/a", headers: { "max-forwards": "9" } }),
  },
  { name: "HEAD", bytes: head("HEAD /a HTTP/1.1"), outcome: served({ method: "HEAD", target: "/a" }) },
  {
    name: "Connection names headers, which stay here",
    bytes: get("/", "Connection: x-a , X-B,, keep-alive", "Connection: x-c", "X-A: 1", "X-B: 1", "X-C: 1", "X-D: 1"),
    outcome: served({ ...root, headers: { "x-a": undefined, "x-b": undefined, "x-c": undefined, "x-d": "1" } }),
  },
  {
    name: "Connection names what frames the message, which stays true",
    bytes: `${post("Connection: content-length, host, x-request-id", "Content-Length: 3", "X-Request-Id: r")}abc`,
    outcome: served({ ...abc, headers: { "content-length": "3", "x-request-id": "r" } }),
  },
  {
    name: "headers of one connection stay here",
    bytes: get("/", "Keep-Alive: timeout=9", "Proxy-Connection: keep-alive", "TE: trailers", "Trailer: x-t"),
    outcome: served({
      ...root,
      headers: { "keep-alive": undefined, "proxy-connection": undefined, te: undefined, trailer: undefined },
    }),
  },
  {
    name: "headers of those before us go on as they came, and none of ours is added",
    bytes: get("/", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 b"),
    outcome: served({
      ...root,
      headers: {
        "x-forwarded-for": "192.0.2.1",
        forwarded: "for=192.0.2.1",
        via: "1.1 b",
        "x-forwarded-proto": undefined,
        "x-forwarded-host": undefined,
        "x-real-ip": undefined,
      },
    }),
  },
  {
    name: "a row: three at once",
    bytes: get("/1") + get("/2") + get("/3"),
    outcome: served(at("/1"), at("/2"), at("/3")),
  },
  {
    name: "a row: a body that ends early is followed by a request",
    bytes: `${post("Content-Length: 3")}abc${get("/next")}`,
    outcome: served(abc, at("/next")),
  },
  {
    name: "a row: chunks, and a request behind them",
    bytes: `${post(CHUNKED)}3\r\nabc\r\n0\r\n\r\n${get("/next")}`,
    outcome: served(abc, at("/next")),
  },
  {
    name: "a row: an empty line between two",
    bytes: `${post("Content-Length: 3")}abc\r\n${get("/next")}`,
    outcome: served(abc, at("/next")),
  },
  {
    name: "a row: a body is longer than it says, and no request comes of it",
    bytes: `${post("Content-Length: 3")}abcde${get("/smuggled")}`,
    outcome: servedThen(501, abc),
    nodeHttp: { because: "the method `deGET` is one that llhttp does not know", outcome: servedThen(400, abc) },
  },
  {
    name: "a row: nonsense behind a request",
    bytes: `${get("/1")}\x00\x01\x02\r\n\r\n`,
    outcome: servedThen(400, at("/1")),
  },
  {
    name: "a row: a request with two framings behind a good one",
    bytes: `${get("/1")}${post("Content-Length: 5", CHUNKED)}0\r\n\r\n`,
    outcome: servedThen(400, at("/1")),
  },
  {
    name: "a row: what the road refuses ends it",
    bytes: get("/1") + get("/2", "Host: b") + get("/3"),
    outcome: servedThen(400, at("/1")),
  },
  {
    name: "a row: what the parser refuses ends it",
    bytes: get("/1") + get("/2", "X-A : b") + get("/3"),
    outcome: servedThen(400, at("/1")),
  },
  {
    name: "a row: a body that goes wrong ends it",
    bytes: `${get("/1") + get("/2") + post(CHUNKED)}x\r\n${get("/3")}`,
    outcome: servedThen(400, at("/1"), at("/2")),
  },
  {
    name: "a row: a body that is too long to count ends it",
    bytes: `${get("/1") + post("Content-Length: 99999999999999999999")}x`,
    outcome: servedThen(400, at("/1")),
  },
  {
    name: "a row: TRACE ends it",
    bytes: get("/1") + head("TRACE / HTTP/1.1") + get("/3"),
    outcome: servedThen(405, at("/1")),
  },
  {
    name: "Connection: close, and a request behind it that nobody serves",
    bytes: get("/1", "Connection: close") + get("/2"),
    outcome: servedThen("closed", at("/1")),
  },
  {
    name: "Connection: close in a list, and nonsense behind it",
    bytes: `${get("/1", "Connection: x, Close")}nonsense`,
    outcome: servedThen("closed", at("/1")),
  },
  {
    name: "Connection: close with a body, and a request behind it",
    bytes: `${post("Connection: close", "Content-Length: 3")}abc${get("/2")}`,
    outcome: servedThen("closed", abc),
  },
  {
    name: "Connection: close and keep-alive",
    bytes: get("/1", "Connection: close, keep-alive") + get("/2"),
    outcome: servedThen("closed", at("/1")),
  },
  {
    name: "HTTP/1.0 closes, and a request behind it is not served",
    bytes: `GET /1 HTTP/1.0\r\n\r\n${get("/2")}`,
    outcome: servedThen("closed", at("/1")),
  },
  {
    name: "HTTP/1.0 with keep-alive, and a request behind it",
    bytes: `GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${get("/2")}`,
    outcome: served(at("/1"), at("/2")),
  },
];
