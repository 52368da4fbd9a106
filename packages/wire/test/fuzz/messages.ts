/** Ordinary messages, one or several on a connection: both sides must take them. */
import { METHODS } from "node:http";
import { anyCase, blanks, chunked, head, sized, TOKEN, type Body } from "./grammar.ts";
import type { Direction } from "./compare.ts";
import type { Case } from "./reading.ts";
import type { Random } from "./random.ts";

const PATH = `${TOKEN}/:@()[]{}<>,;="\\%`;
const EVERYDAY_METHODS = ["GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
const ALL_METHODS = METHODS.filter((method) => method !== "CONNECT");
const NOTHING: Body = { framing: [], bytes: "" };
/** Behind what has been changed: it shows where the ends are. */
const SENTINEL = {
  requests: "GET /sentinel HTTP/1.1\r\nHost: s\r\n\r\n",
  responses: "HTTP/1.1 299 Sentinel\r\nContent-Length: 0\r\n\r\n",
};

export function ordinary(direction: Direction, random: Random): Case {
  const messages = random.chance(0.6) ? 1 : random.between(2, 3);
  if (direction === "requests") return { bytes: connection(random, messages, request) };
  const methods = random.list(messages, () => (random.chance(0.15) ? "HEAD" : "GET"));
  let answered = 0;
  const bytes = connection(random, messages, (isLast) => response(random, methods[answered++] === "HEAD", isLast));
  return { bytes, methods };
}

export function withSentinel(direction: Direction, given: Case): Case {
  return { ...given, bytes: given.bytes + SENTINEL[direction] };
}

type Make = (isLast: boolean, random: Random) => string;

function connection(random: Random, messages: number, make: Make): string {
  let bytes = "";
  for (let left = messages; left > 0; left -= 1) bytes += make(left === 1, random);
  return bytes;
}

function request(isLast: boolean, random: Random): string {
  const isOld = random.chance(0.15);
  const method = random.chance(0.8) ? random.pick(EVERYDAY_METHODS) : random.pick(ALL_METHODS);
  const { framing, bytes } = requestBody(random, isOld);
  const lines = [...framing, ...connectionLine(random, isOld, isLast)];
  if (!isOld || random.chance(0.5)) lines.push(`${anyCase(random, "Host")}:${blanks(random)}${host(random)}`);
  const before = random.chance(0.05) ? "\r\n".repeat(random.between(1, 3)) : "";
  return `${before}${head(random, `${method} ${target(random, method)} HTTP/1.${isOld ? 0 : 1}`, lines)}${bytes}`;
}

function requestBody(random: Random, isOld: boolean): Body {
  if (random.chance(0.3)) return NOTHING;
  return !isOld && random.chance(0.5) ? chunked(random) : sized(random);
}

function connectionLine(random: Random, isOld: boolean, isLast: boolean): string[] {
  const name = anyCase(random, "Connection");
  if (isLast && random.chance(0.1)) return [`${name}: ${anyCase(random, "close")}`];
  if (isOld) return isLast && random.chance(0.3) ? [] : [`${name}: ${anyCase(random, "keep-alive")}`];
  if (random.chance(0.8)) return [];
  return [`${name}: ${random.pick(["keep-alive", "TE", "x-a, x-b", "Keep-Alive , te", "upgrade"])}`];
}

function host(random: Random): string {
  return random.pick(["a", "api.example.com", "localhost:8080", "127.0.0.1:1", "[::1]:80", "A.b"]);
}

function target(random: Random, method: string): string {
  if (method === "OPTIONS" && random.chance(0.3)) return "*";
  const path = random.chance(0.4)
    ? random.pick(["/", "/v1/chat/completions"])
    : `/${random.text(PATH, random.below(30))}`;
  const query = random.chance(0.3) ? `?${random.text(`${PATH}?`, random.below(20))}` : "";
  return random.chance(0.1) ? `http://${host(random)}${path}${query}` : path + query;
}

function response(random: Random, isToHead: boolean, isLast: boolean): string {
  const interim = random.chance(0.1)
    ? head(random, `HTTP/1.1 ${random.pick(["100 Continue", "102 P", "103 "])}`, [])
    : "";
  const isOld = random.chance(0.15);
  const isBare = random.chance(0.15);
  const status = isBare
    ? random.pick([204, 304])
    : random.pick([200, 200, 200, 201, 302, 400, 401, 429, 500, 503, 599]);
  const body = responseBody(random, isOld, isLast && !isToHead && !isBare);
  const reason = random.pick([" OK", " Not Found", " ", "", " caf\xe9", " a\tb"]);
  const startLine = `HTTP/1.${isOld ? 0 : 1} ${status}${reason}`;
  const lines = [...body.framing, ...connectionLine(random, isOld, isLast)];
  return interim + head(random, startLine, lines) + (isToHead || isBare ? "" : body.bytes);
}

/** Without framing it goes on to the end of the connection. */
function responseBody(random: Random, isOld: boolean, mayEndConnection: boolean): Body {
  if (mayEndConnection && random.chance(0.15)) return { framing: [], bytes: sized(random).bytes };
  return !isOld && random.chance(0.5) ? chunked(random) : sized(random);
}
