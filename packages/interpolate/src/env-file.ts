/** Reads the text of an env file (dotenv format): `NAME=value` a line, with comments, `export` and quotes. */
import { InterpolateError } from "./errors.ts";

const lineStart = /[ \t]*(?:#[^\n]*)?(?:\n|$)|[ \t]*(?:export[ \t]+)?(?<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/y;
const unquoted = /[^\n]*/y;
const restOfLine = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', $: "$" };

/**
 * The last of several equal names wins. Values are literal: nothing is expanded but `\n \r \t \\ \" \$` in double quotes.
 * Quoted values may span lines. `#` begins a comment at a line's start and after a space. CRLF counts as one line end.
 * Throws InterpolateError ENV_FILE_SYNTAX with the line, for what is none of this.
 */
export function parseEnvFile(text: string): Map<string, string> {
  const source = text.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n");
  const values = new Map<string, string>();
  let position = 0;
  while (position < source.length) {
    const start = matchAt(lineStart, source, position);
    if (start === undefined) throw malformed(source, position, "expected NAME=value");
    position += start[0].length;
    const name = start.groups?.["name"];
    if (name === undefined) continue;
    const { value, end } = readValue(source, position, name);
    values.set(name, value);
    position = end;
  }
  return values;
}

interface Value {
  readonly value: string;
  /** Where the next line begins. */
  readonly end: number;
}

function readValue(source: string, position: number, name: string): Value {
  const quote = source[position];
  if (quote === '"' || quote === "'" || quote === "`") return readQuoted(source, position, quote, name);
  const line = matchAt(unquoted, source, position)?.[0] ?? "";
  // The space before a comment may be the one after `=`, which is already read.
  const comment = line.startsWith("#") && source[position - 1] !== "=" ? 0 : line.search(/[ \t]#/);
  const value = (comment === -1 ? line : line.slice(0, comment)).trimEnd();
  return { value, end: position + line.length + 1 };
}

function readQuoted(source: string, open: number, quote: string, name: string): Value {
  const close = closingQuote(source, open, quote);
  if (close === -1) throw malformed(source, open, `the value of ${name} begins with ${quote} and never ends`);
  const raw = source.slice(open + 1, close);
  const rest = matchAt(restOfLine, source, close + 1);
  if (rest === undefined) throw malformed(source, close, `something follows the closing ${quote} of ${name}`);
  const value = quote === '"' ? raw.replaceAll(/\\([nrt\\"$])/g, (all, letter: string) => escapes[letter] ?? all) : raw;
  return { value, end: close + 1 + rest[0].length };
}

function closingQuote(source: string, open: number, quote: string): number {
  let close = source.indexOf(quote, open + 1);
  // Only double quotes know escapes, as in a shell.
  while (close !== -1 && isEscaped(source, close) && source[open] === '"') close = source.indexOf(quote, close + 1);
  return close;
}

function isEscaped(source: string, position: number): boolean {
  let first = position;
  while (source[first - 1] === "\\") first -= 1;
  return (position - first) % 2 === 1;
}

function matchAt(sticky: RegExp, source: string, position: number): RegExpExecArray | undefined {
  sticky.lastIndex = position;
  return sticky.exec(source) ?? undefined;
}

function malformed(source: string, position: number, message: string): InterpolateError {
  const line = source.slice(0, position).split("\n").length;
  return new InterpolateError("ENV_FILE_SYNTAX", message, { line });
}
