/** A finding before it has its place in the file, and the way a schema's message carries one. */
import { type ConfigErrorCode, configErrorCodes, type Path } from "./errors.ts";

export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface Problem {
  readonly code: ConfigErrorCode;
  readonly message: string;
  /** The value that it is about. */
  readonly path: Path;
  /** Whether the caret goes to the field's name or to its value. */
  readonly at?: "key" | "value";
  /** The exact place, where it is not the whole name or value. */
  readonly span?: Span;
  /** Undefined: the text at the place. */
  readonly found?: string | undefined;
  readonly fix?: string | undefined;
  /** For a missing field, its name, if it is one that nothing else could stand for. */
  readonly lacks?: string;
  /** For an unknown field, the name that it was likely meant to be. */
  readonly meant?: string | undefined;
}

/** A valibot message that carries more than text: `CODE: what is wrong`, then a line that says how to mend it. */
export function message(code: ConfigErrorCode, text: string, fix?: string): string {
  return fix === undefined ? `${code}: ${text}` : `${code}: ${text}\n${fix}`;
}

/** The reverse of `message()`; a plain text is the message alone. */
export function readMessage(text: string): { code: ConfigErrorCode | undefined; message: string; fix?: string } {
  const { code, rest = text } = /^(?:(?<code>CONFIG_[A-Z_]+): )?(?<rest>.*)$/s.exec(text)?.groups ?? {};
  const [first = "", ...more] = rest.split("\n");
  const known = configErrorCodes.find((candidate) => candidate === code);
  return { code: known, message: first, ...(more.length === 0 ? {} : { fix: more.join(" ") }) };
}
