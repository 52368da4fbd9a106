/** Several requests on a connection, and what decides whether there may be (RFC 9112 section 9). */

const get = (target: string, ...lines: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
const old = (...lines: readonly string[]): string => ["GET / HTTP/1.0", ...lines, "", ""].join("\r\n");
const sized = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

const connections = [
  [
    "close",
    "Close",
    "CLOSE",
    "close, keep-alive",
    "keep-alive, close",
    "x, close",
    "close,x",
    ",close",
    "close,",
    " , close , ",
  ],
  [
    "closed",
    "xclose",
    "clos",
    "close x",
    "x close",
    "close;q=1",
    '"close"',
    "close\t",
    "\tclose",
    "\xa0close",
    "close\xa0",
    "",
  ],
  [
    "keep-alive",
    "Keep-Alive",
    "keep-alive, x",
    "keep-alive x",
    "keep-alivex",
    "x keep-alive",
    "keep-alive\t",
    "keep-alive\xa0",
  ],
  [
    "keep-alive,keep-alive",
    "keep-alive;x",
    "\t keep-alive",
    "keep-alive , ",
    "keep-alive\t,x",
    "x\t,keep-alive",
    "upgrade",
    ",",
  ],
].flat();

export const rows: readonly string[] = [
  ...connections.map((value) => get("/1", `Connection: ${value}`) + get("/2")),
  ...connections.map((value) => old(`Connection: ${value}`) + get("/2")),
  get("/1", "Connection: keep-alive", "Connection: close") + get("/2"),
  get("/1", "Connection: close", "Connection: keep-alive") + get("/2"),
  old("Connection: keep-alive", "Connection: close") + get("/2"),
  get("/1", "Proxy-Connection: close") + get("/2"),
  old("Proxy-Connection: keep-alive") + get("/2"),
  old("Connection: close", "Proxy-Connection: keep-alive") + get("/2"),
  old() + get("/2"),
  get("/1") + get("/2") + get("/3"),
  sized + get("/2"),
  chunked + get("/2"),
  `${sized}\r\n${get("/2")}`,
  `${chunked}\r\n\r\n${get("/2")}`,
  `${sized}\n${get("/2")}`,
  `${sized} ${get("/2")}`,
  `${sized}de${get("/smuggled")}`,
  `${get("/1")}\x00\x01\x02\r\n\r\n`,
  get("/1") + get("/2", "X-A : b") + get("/3"),
  get("/1") + get("/2", "Host: b") + get("/3"),
  get("/1", "Connection: Upgrade", "Upgrade: websocket") + get("/2"),
  `${get("/1", "Connection: Upgrade", "Upgrade: websocket")}\x81\x05hello`,
  get("/1", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 3") + "abc" + get("/2"),
  get("/1", "Connection: Upgrade") + get("/2"),
  get("/1", "Upgrade: h2c") + get("/2"),
  get("/1", "Connection: upgrade, close", "Upgrade: h2c") + get("/2"),
  `${get("/1", "Expect: 100-continue", "Content-Length: 3")}abc${get("/2")}`,
  `${get("/1", "Expect: 200-ok", "Content-Length: 3")}abc${get("/2")}`,
  `${get("/1", "Connection: close")}nonsense`,
  `${get("/1", "Connection: close")}\r\n\r\n`,
];
