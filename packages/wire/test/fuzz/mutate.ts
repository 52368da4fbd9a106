/** Small wrongs: what attackers, bugs and bad lines make of a message. */
import type { Random } from "./random.ts";

const BYTES = [
  "\r",
  "\n",
  "\r\n",
  "\0",
  "\t",
  " ",
  ":",
  ";",
  ",",
  "=",
  '"',
  "\\",
  "\x7f",
  "\x80",
  "\xa0",
  "\xff",
  "\x0b",
  "\x0c",
];
const SNIPPETS = [
  [
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length:\r\n",
    "content-length: 10\r\n",
    "Content-Length: 2, 2\r\n",
  ],
  ["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "transfer-encoding: identity\r\n"],
  ["Transfer-Encoding:\tchunked \r\n", "Transfer-Encoding : chunked\r\n", "\r\n chunked", ", chunked", "chunked, "],
  ["Host: b\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n"],
  [
    "Connection: close, keep-alive\r\n",
    "Connection: ,close\r\n",
    "Connection: keep-alive\t\r\n",
    "Connection: closed\r\n",
  ],
  [
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "Proxy-Connection: close\r\n",
    "Trailer: X-A\r\n",
    "Keep-Alive: 1\r\n",
  ],
  ["0\r\n\r\n", "\r\n\r\n", "1\r\na\r\n", "0\r\nX-A: 1\r\n\r\n", "\r\n 2", "\r\n\t", "\n\n", "\r\r\n", "\r\n\n"],
  ["0x", "+", "-", "_", "00", "ffffffffffffffff", "18446744073709551616", ";a=b", ';a="b"', ";a", "; a", ";=", ";;"],
  [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0",
    "HTTP/1.1",
    "HTTP/2.0",
  ],
  ["http://a/", "http://", "*", "#", "?", "%00", "@", "[", "CONNECT ", "PRI ", "get ", " HTTP/1.1"],
  ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n", "204", "304", "100", "199", " 2 ", "099", "1000"],
].flat();
/** Where wrongs matter. */
const JOINT = /[\r\n:; ,\d]/g;

type Mutation = (text: string, at: number, random: Random) => string;

const MUTATIONS: readonly Mutation[] = [
  (text, at, random) => text.slice(0, at) + random.pick(BYTES) + text.slice(at + 1),
  (text, at, random) => insert(text, at, random.pick(BYTES)),
  (text, at, random) => insert(text, at, String.fromCharCode(random.below(256))),
  (text, at, random) => text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1),
  (text, at, random) => insert(text, at, random.pick(SNIPPETS)),
  (text, _at, random) => insert(text, lineStart(text, random), random.pick(SNIPPETS)),
  (text, at, random) => text.slice(0, at) + text.slice(at + random.between(1, 4)),
  (text, at, random) => insert(text, at, text.slice(at, at + random.between(1, 10))),
  (text, at) => text.slice(0, at) + text.slice(at + 1, at + 2) + text.slice(at, at + 1) + text.slice(at + 2),
  (text, at) => text.slice(0, at) + flipCase(text.slice(at, at + 1)) + text.slice(at + 1),
  (text, _at, random) => repeatLine(text, random),
  (text, _at, random) => swapLines(text, random),
  (text, _at, random) => otherNumber(text, random),
  (text, at, random) => (random.chance(0.3) ? text.slice(0, at) : text),
];

export function mutate(text: string, random: Random): string {
  let mutated = text;
  for (let left = random.chance(0.6) ? 1 : random.between(2, 4); left > 0; left -= 1)
    mutated = random.pick(MUTATIONS)(mutated, place(mutated, random), random);
  return mutated;
}

/** The beginning of one and the end of another. */
export function splice(one: string, other: string, random: Random): string {
  return one.slice(0, place(one, random)) + other.slice(place(other, random));
}

function place(text: string, random: Random): number {
  const anywhere = random.below(text.length + 1);
  if (random.chance(0.4)) return anywhere;
  JOINT.lastIndex = anywhere;
  const joint = JOINT.exec(text);
  return joint ? joint.index + random.below(2) : anywhere;
}

function insert(text: string, at: number, inserted: string): string {
  return text.slice(0, at) + inserted + text.slice(at);
}

function lineStart(text: string, random: Random): number {
  const end = text.indexOf("\r\n", random.below(text.length + 1));
  return end === -1 ? 0 : end + 2;
}

function flipCase(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase().slice(0, 1) : letter.toLowerCase();
}

function repeatLine(text: string, random: Random): string {
  const from = lineStart(text, random);
  const to = text.indexOf("\r\n", from);
  return to === -1 ? text : insert(text, lineStart(text, random), text.slice(from, to + 2));
}

function swapLines(text: string, random: Random): string {
  const lines = text.split("\r\n");
  const one = random.below(lines.length);
  const other = random.below(lines.length);
  return lines.map((line, at) => lines[at === one ? other : at === other ? one : at] ?? line).join("\r\n");
}

function otherNumber(text: string, random: Random): string {
  const numbers = [...text.matchAll(/[\da-fA-F]+/g)];
  if (numbers.length === 0) return text;
  const { index, 0: number } = random.pick(numbers);
  const other = random.pick([
    `${number}0`,
    `0${number}`,
    `${Number(number) + 1}`,
    `-${number}`,
    `+${number}`,
    `${number} `,
    "0",
    "",
  ]);
  return text.slice(0, index) + other + text.slice(index + number.length);
}
