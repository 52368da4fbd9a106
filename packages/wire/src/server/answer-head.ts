/** The head of an answer, as text: what it was given, and what the engine adds (RFC 9110 section 6.6.1, RFC 9112 section 4). */
import { LOWER_TOKEN, TEXT, type ByteSet } from "../syntax/characters.ts";
import { readContentLength } from "../syntax/content-length.ts";

const statusLines = new Map<number, string>();

/** One for each connection, used for one answer after the other. */
export class AnswerHead {
  status = 0;
  /** Of the header: -1 where there is none. */
  contentLength = -1;
  saysClose = false;
  #text = "";
  #hasDate = false;

  /** Throws TypeError ERR_INVALID_CHAR or ERR_INVALID_HTTP_TOKEN for what would not be one header, as node:http does. */
  read(status: number, headers: readonly string[]): void {
    if (!Number.isInteger(status) || status < 200 || status > 999) throw new RangeError(`${status} is no status`);
    this.status = status;
    this.contentLength = -1;
    this.saysClose = this.#hasDate = false;
    let text = "";
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const name = headers[index] ?? "";
      const value = headers[index + 1] ?? "";
      // In lower case: another spelling of what the engine writes itself would pass it by.
      if (name === "" || !isOf(LOWER_TOKEN, name))
        throw invalid("ERR_INVALID_HTTP_TOKEN", "no header name in lower case", name);
      if (!isOf(TEXT, value)) throw invalid("ERR_INVALID_CHAR", "a character that no header may hold in", name);
      if (!this.#isOwn(name, value)) text += `${name}: ${value}\r\n`;
    }
    this.#text = text;
  }

  /** `framing`: the lines that say where the body ends. */
  format(framing: string, connection: string): string {
    return `${statusLine(this.status)}${this.#text}${this.#hasDate ? "" : dateLine()}${connection}${framing}\r\n`;
  }

  /** What the engine writes by itself, in its place. By length first: most names have another. */
  #isOwn(name: string, value: string): boolean {
    switch (name.length) {
      case 4:
        if (name === "date") this.#hasDate = true;
        return false;
      case 10:
        if (name === "connection") this.saysClose ||= value.toLowerCase() === "close";
        return name === "connection" || name === "keep-alive";
      case 14:
        if (name === "content-length") this.#noteLength(value);
        return name === "content-length";
      case 17:
        return name === "transfer-encoding";
      default:
        return false;
    }
  }

  #noteLength(value: string): void {
    const length = readContentLength(value);
    if (length === -1 || (this.contentLength !== -1 && this.contentLength !== length))
      throw invalid("ERR_INVALID_CHAR", "not one length in", "content-length");
    this.contentLength = length;
  }
}

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line !== undefined) return line;
  // Loaded with the first answer, so that a start does not wait for it.
  const { STATUS_CODES } = process.getBuiltinModule("node:http");
  line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  statusLines.set(status, line);
  return line;
}

let dateSecond = 0;
let dateText = "";

function dateLine(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `date: ${new Date(now).toUTCString()}\r\n`;
  }
  return dateText;
}

let keptMs = -1;
let keptText = "";

/** The connection stays, for so long (as node:http says it). */
export function keepAliveLines(idleTimeoutMs: number): string {
  if (idleTimeoutMs !== keptMs) {
    keptMs = idleTimeoutMs;
    const seconds = Math.floor(idleTimeoutMs / 1000);
    keptText = `connection: keep-alive\r\n${Number.isSafeInteger(seconds) ? `keep-alive: timeout=${seconds}\r\n` : ""}`;
  }
  return keptText;
}

export const CLOSE_LINE = "connection: close\r\n";

function isOf(set: ByteSet, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (set[text.charCodeAt(index)] !== 1) return false;
  return true;
}

function invalid(code: string, what: string, name: string): TypeError {
  return Object.assign(new TypeError(`${what} ${JSON.stringify(name.slice(0, 40))}`), { code });
}
