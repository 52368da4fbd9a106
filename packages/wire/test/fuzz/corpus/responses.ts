/** Responses that would give one caller what is another's. One character is one byte. */
import type { Case } from "../reading.ts";
import { chunks } from "./chunks.ts";

const CHUNKED = "Transfer-Encoding: chunked";
const END = "0\r\n\r\n";
const PLANTED = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";

const line = (text: string): string => `${text}\r\nContent-Length: 2\r\n\r\nok${PLANTED}`;
const ok = (...lines: readonly string[]): string => ["HTTP/1.1 200 OK", ...lines, "", ""].join("\r\n");
const old = (...lines: readonly string[]): string => ["HTTP/1.0 200 OK", ...lines, "", ""].join("\r\n");
const field = (text: string): string => `${ok("Content-Length: 2", text)}ok${PLANTED}`;
const length = (value: string): string => `${ok(`Content-Length:${value}`)}ok${PLANTED}`;
const coding = (value: string): string => `${ok(`Transfer-Encoding:${value}`)}2\r\nok\r\n${END}${PLANTED}`;
const bare = (status: string, ...lines: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, ...lines, "", ""].join("\r\n") + PLANTED;

const lines = [
  [
    "HTTP/1.1 000 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1 99 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 600 OK",
    "HTTP/1.1 999 OK",
    "HTTP/1.1",
  ],
  [
    "HTTP/1.1 1000 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 +200 OK",
    "HTTP/1.1 -200 OK",
    "HTTP/1.1 2 00 OK",
    "HTTP/1.1 OK",
    "HTTP/1.1 ",
  ],
  [
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    " HTTP/1.1 200 OK",
    "http/1.1 200 OK",
    "HTTP/11 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/1.1 200",
  ],
  [
    "HTTP/2.0 200 OK",
    "HTTP/0.9 200 OK",
    "HTTP/1.10 200 OK",
    "ICY 200 OK",
    "ICE/1.0 200 OK",
    "RTSP/1.0 200 OK",
    "HTTP/1.1 200\tOK",
  ],
  [
    "HTTP/1.1 200 O\rK",
    "HTTP/1.1 200 O\nX-A: 1",
    "HTTP/1.1 200 O\x00K",
    "HTTP/1.1 200 O\x7fK",
    "HTTP/1.1 200 \x01",
    "HTTP/1.1 2x0 OK",
  ],
  [
    "HTTP/1.1 200 ",
    "HTTP/1.1 200  ",
    "HTTP/1.1 200 caf\xe9",
    "HTTP/1.1 200 a\tb ",
    "HTTP/1.1 200OK",
    "HTTP/1.1 200: OK",
    "hello",
  ],
].flat();
const fields = [
  [
    "X-A : 1",
    "X A: 1",
    "X-A",
    ": 1",
    "X(A: 1",
    "X-\xc9: 1",
    "X-\x00A: 1",
    "X-A: 1\x002",
    "X-A: 1\x012",
    "X-A: 1\x7f2",
    "X-A:",
  ],
  [
    "X-A: 1\r\n 2",
    "X-A: 1\r\n\t2",
    "X-A: 1\nSet-Cookie: a=b",
    "X-A: 1\rSet-Cookie: a=b",
    "X-A: caf\xe9",
    "X-A: \t1\t ",
    "X-A:\r\n ",
  ],
  [
    "Connection: close",
    "Connection: keep-alive",
    "Connection: close, keep-alive",
    "Connection: x, close",
    "Connection: close\t",
  ],
  [
    "Proxy-Connection: close",
    "Upgrade: h2c",
    "Connection: upgrade\r\nUpgrade: h2c",
    "Host: a",
    "Host: a\r\nHost: b",
    "Trailer: X",
  ],
  [
    "Content-Length: 2",
    "Content-Length: 3",
    CHUNKED,
    "Transfer-Encoding: identity",
    "Transfer-Encoding:",
    `X-A: ${"a".repeat(70_000)}`,
  ],
].flat();
const values = [
  "2",
  "\t2 \t",
  "002",
  "2, 2",
  "2,3",
  "+2",
  "-2",
  "0x2",
  "2 2",
  "",
  "two",
  "18446744073709551618",
  "9007199254740993",
  "2\n",
];
const codings = [
  [
    "chunked",
    "CHUNKED",
    "chunked\t",
    "xchunked",
    "chunkedx",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "identity",
    "chunked,",
  ],
  [
    "chunked, identity",
    "chunked, chunked",
    "",
    "\x0bchunked",
    "\r\n chunked",
    "chunked;q=1",
    '"chunked"',
    "chunked\xa0",
  ],
].flat();
const interim = [
  "100 Continue",
  "102 Processing",
  "103 Early Hints\r\nLink: </a>",
  "199 Odd",
  "100 \r\nContent-Length: 2",
  `103 \r\n${CHUNKED}`,
];

const texts: readonly string[] = [
  ...lines.map(line),
  ...fields.map(field),
  ...values.map(length),
  ...codings.map(coding),
  ...interim.map((status) => `HTTP/1.1 ${status}\r\n\r\n${PLANTED}`),
  ...chunks.map((body) => ok(CHUNKED) + body.replace(/GET \/next.*/s, PLANTED)),
  "",
  "\r\n",
  `\r\n${PLANTED}`,
  `\n${PLANTED}`,
  "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rok",
  "HTTP/1.1 200 OK\r\n X-A: 1\r\nContent-Length: 2\r\n\r\nok",
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
  "HTTP/1.1 2",
  "<html><body>no</body></html>",
  "\x15\x03\x01\x00\x02\x02\x46",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  // Endings.
  ok() + PLANTED,
  ok("Connection: keep-alive") + PLANTED,
  old() + PLANTED,
  old("Content-Length: 2") + "ok" + PLANTED,
  old("Content-Length: 2", "Connection: keep-alive") + "ok" + PLANTED,
  old(CHUNKED) + "2\r\nok\r\n" + END,
  ok("Content-Length: 0") + PLANTED,
  ok("Content-Length: 2") + `ok\r\n${PLANTED}`,
  ok("Content-Length: 2") + `okmore`,
  ok("Content-Length: 5") + "ok",
  ok(CHUNKED, "Content-Length: 2") + `2\r\nok\r\n${END}`,
  ok("Content-Length: 0", CHUNKED) + `2\r\nok\r\n${END}`,
  ...["204 No Content", "304 Not Modified", "101 Switching Protocols", "205 Reset"].flatMap((status) => [
    bare(status),
    bare(status, "Content-Length: 7"),
    bare(status, "Content-Length: 0"),
    bare(status, CHUNKED),
    bare(status, "Connection: upgrade", "Upgrade: websocket"),
  ]),
];

const toHead = [ok("Content-Length: 7"), ok(CHUNKED), ok(), ok("Content-Length: 0"), old(), bare("204 No Content")];

export const responseCorpus: readonly Case[] = [
  ...texts.map((bytes): Case => ({ bytes, methods: [] })),
  ...toHead.map((bytes): Case => ({ bytes: bytes + PLANTED, methods: ["HEAD"] })),
  ...interim.map((status): Case => ({
    bytes: `HTTP/1.1 ${status}\r\n\r\n${ok("Content-Length: 7")}${PLANTED}`,
    methods: ["HEAD"],
  })),
];
