/** YAML text to nodes that keep their offsets, within bounds that no input can break. */
import { Composer, type Document, Lexer, Parser, type ParsedNode, type YAMLError } from "yaml";
import type { ConfigErrorCode } from "./errors.ts";
import { maskKeyLike, printable, shorten } from "./show.ts";

/** The longest config that is read. A Kubernetes ConfigMap holds 1 MiB. */
const maxConfigBytes = 4 * 1024 * 1024;

/** How many lexical pieces are read: some 40,000 lines. Each costs up to 1 kB while the tree is made. */
const maxLexemes = 250_000;

/** How deep lists and maps may nest. A config needs about 20; the composer recurses. */
export const maxDepth = 100;

/** Something that keeps the text from being read as YAML. Without offset: the file as a whole. */
export interface DocumentProblem {
  readonly code: ConfigErrorCode;
  readonly message: string;
  readonly offset?: number;
  readonly length?: number;
  readonly fix?: string;
}

export interface YamlDocument {
  readonly contents: ParsedNode | null;
  readonly problems: readonly DocumentProblem[];
}

/** Bytes are UTF-8, with or without a byte order mark. */
export function decodeText(input: string | Uint8Array): string | DocumentProblem {
  const size = typeof input === "string" ? input.length : input.byteLength;
  if (size > maxConfigBytes) {
    const limit = `${maxConfigBytes / 1024 / 1024} MiB`;
    return { code: "CONFIG_TOO_LARGE", message: `the file has more than ${limit}` };
  }
  if (typeof input === "string") return input.replace(/^\uFEFF/, "");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(input);
  } catch {
    return { code: "CONFIG_ENCODING", message: "the file is not UTF-8 text", fix: "save it as UTF-8" };
  }
}

export function parseDocument(text: string): YamlDocument {
  const tokens = parseTokens(text);
  if (!Array.isArray(tokens)) return { contents: null, problems: [tokens] };
  // Keys are compared in tree.ts: here it would take time in the square of their number.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, stringKeys: true, logLevel: "error" });
  const documents = composer.compose(tokens, true, text.length);
  const [document, second] = [take(documents), take(documents)];
  if (document === undefined) return { contents: null, problems: [emptyFile] };
  const problems = [...document.errors, ...document.warnings].map(describe);
  if (second !== undefined) problems.push(secondDocument(second, text));
  if (problems.length === 0 && isEmpty(document.contents)) problems.push(emptyFile);
  return { contents: document.contents, problems };
}

const emptyFile: DocumentProblem = {
  code: "CONFIG_EMPTY",
  message: "the file holds no config",
  fix: "`keybearer init` writes one to start from",
};

const tooManyLexemes: DocumentProblem = {
  code: "CONFIG_TOO_LARGE",
  message: `the file has more than ${maxLexemes} words and signs`,
};

/** The parser's stack is the nesting: watched lexeme by lexeme, so that a file of brackets ends early. */
function parseTokens(text: string) {
  const parser = new Parser();
  const tokens = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    lexemes += 1;
    if (lexemes > maxLexemes) return tooManyLexemes;
    if (parser.stack.length > maxDepth) {
      const message = `lists and maps nest more than ${maxDepth} deep`;
      return { code: "CONFIG_TOO_DEEP", message, offset: parser.offset, length: 1 } satisfies DocumentProblem;
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

function take<T>(items: Generator<T, void>): T | undefined {
  const { value, done } = items.next();
  return done === true ? undefined : value;
}

function isEmpty(node: ParsedNode | null): boolean {
  return node === null || ("value" in node && node.value === null);
}

function describe(error: YAMLError): DocumentProblem {
  const [offset, end] = error.pos;
  const place = { offset, length: Math.max(1, end - offset) };
  if (error.code === "TAB_AS_INDENT") {
    return { code: "CONFIG_SYNTAX", message: "a tab cannot indent", ...place, fix: "indent with spaces" };
  }
  if (error.code === "TAG_RESOLVE_FAILED") {
    return { code: "CONFIG_SYNTAX", message: "this tag is not known here", ...place, fix: "remove the tag" };
  }
  return { code: "CONFIG_SYNTAX", message: showMessage(error.message), ...place };
}

function secondDocument(second: Document.Parsed, text: string): DocumentProblem {
  const [start] = second.contents?.range ?? second.range;
  const mark = text.lastIndexOf("---", start);
  const offset = mark === -1 ? start : mark;
  const fix = "keep one document a file; remove the --- or what follows it";
  return { code: "CONFIG_SYNTAX", message: "a second YAML document begins here", offset, length: 3, fix };
}

function showMessage(text: string): string {
  return printable(maskKeyLike(shorten(text, 200))).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}
