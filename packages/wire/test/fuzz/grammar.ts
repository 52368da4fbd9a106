/** What requests and responses have in common: fields, bodies and chunks, written in every way that RFC 9112 allows. */
import type { Random } from "./random.ts";

const DIGITS = "0123456789";
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
export const TOKEN = `${LETTERS}${DIGITS}!#$%&'*+-.^_\`|~`;
const VISIBLE = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index));
const BEYOND_ASCII = String.fromCharCode(...Array.from({ length: 128 }, (_, index) => 0x80 + index));
/** Content is no syntax: it may look like all of it. */
const CONTENT = `\r\n\0:;0123abc ${BEYOND_ASCII}`;

const NAMES = [
  ["Accept", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "User-Agent", "X-Request-Id", "X-A", "x"],
  // As long as those that say where a message ends.
  ["Date", "Expect", "Via", "X-Hosts", "Connectivit", "X-Content-Leng", "Content-Lengtx", "X-Transfer-Encodi"],
].flat();

function fieldLine(random: Random): string {
  const name = random.chance(0.8) ? random.pick(NAMES) : random.text(TOKEN, random.between(1, 20));
  return isFraming(name) ? "X: 1" : `${name}:${blanks(random)}${value(random)}${blanks(random)}`;
}

/** Chance may make one, and others look after these. */
function isFraming(name: string): boolean {
  const names = ["host", "connection", "upgrade", "content-length", "transfer-encoding", "proxy-connection"];
  return names.includes(name.toLowerCase());
}

function value(random: Random): string {
  if (random.chance(0.1)) return "";
  const alphabet = random.chance(0.8) ? VISIBLE : VISIBLE + BEYOND_ASCII;
  const words = random.list(random.between(1, 4), () => random.text(alphabet, random.between(1, 12)));
  return words.join(random.pick([" ", "  ", "\t", ", ", "; "]));
}

export function blanks(random: Random): string {
  return random.chance(0.7) ? " " : random.text(" \t", random.below(4));
}

/** Field lines in any order, `framing` among them. */
export function head(random: Random, startLine: string, framing: readonly string[]): string {
  const many = random.chance(0.03) ? random.between(30, 90) : random.below(7);
  const lines = random.list(many, () => fieldLine(random));
  for (const line of framing) lines.splice(random.below(lines.length + 1), 0, line);
  return [startLine, ...lines, "", ""].join("\r\n");
}

/** In any case, as `name` is no matter of case. */
export function anyCase(random: Random, text: string): string {
  if (random.chance(0.6)) return text;
  return text
    .split("")
    .map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase()))
    .join("");
}

function content(random: Random, most = 60): string {
  if (random.chance(0.1)) return "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n".slice(0, most);
  return random.text(random.chance(0.5) ? LETTERS : CONTENT, random.below(most));
}

export interface Body {
  /** The field line that frames it, if any. */
  readonly framing: readonly string[];
  readonly bytes: string;
}

export function sized(random: Random): Body {
  const bytes = content(random, random.chance(0.02) ? 5000 : 60);
  const zeros = random.chance(0.1) ? "0".repeat(random.between(1, 4)) : "";
  const name = anyCase(random, "Content-Length");
  return { framing: [`${name}:${blanks(random)}${zeros}${bytes.length}${blanks(random)}`], bytes };
}

export function chunked(random: Random): Body {
  const chunks = random.list(random.below(5), () => chunk(random));
  const trailers = random.chance(0.25) ? random.list(random.between(1, 3), () => `${fieldLine(random)}\r\n`) : [];
  const last = `${"0".repeat(random.chance(0.9) ? 1 : random.between(2, 6))}${extensions(random)}\r\n`;
  const coding = `${anyCase(random, "Transfer-Encoding")}: ${anyCase(random, "chunked")}`;
  return { framing: [coding], bytes: `${chunks.join("") + last + trailers.join("")}\r\n` };
}

function chunk(random: Random): string {
  const bytes = content(random, random.chance(0.05) ? 700 : 30) || "x";
  const zeros = random.chance(0.1) ? "0".repeat(random.between(1, 6)) : "";
  return `${zeros}${anyCase(random, bytes.length.toString(16))}${extensions(random)}\r\n${bytes}\r\n`;
}

function extensions(random: Random): string {
  if (random.chance(0.75)) return "";
  return random.list(random.between(1, 3), () => `;${extension(random)}`).join("");
}

function extension(random: Random): string {
  const name = random.text(TOKEN, random.between(1, 6));
  if (random.chance(0.4)) return name;
  if (random.chance(0.5)) return `${name}=${random.text(TOKEN, random.between(1, 6))}`;
  const unescaped = VISIBLE.replaceAll(/["\\]/g, "");
  const pieces = random.list(random.below(4), () =>
    random.chance(0.8) ? random.text(`${unescaped} \t`, 3) : `\\${random.text(`${VISIBLE} \t`, 1)}`,
  );
  return `${name}="${pieces.join("")}"`;
}
