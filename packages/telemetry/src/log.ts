/** Messages to people: one line each, as text or JSON. */
import { jsonText, logfmtKey, logfmtValue, plain, quoted } from "./quoting.ts";

/** From the most urgent to the least. */
export const logLevels = ["error", "warn", "info", "debug", "trace"] as const;

export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  /** What is less urgent is not written. */
  readonly level: LogLevel;
  readonly format: "json" | "text";
  /** Gets one line with its line break. */
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** An object with `toJSON` is written as what that returns; an Error as its message and those of its causes. */
export type LogFacts = Readonly<Record<string, unknown>>;

export interface Log {
  error(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  debug(message: string, facts?: LogFacts): void;
  trace(message: string, facts?: LogFacts): void;
  enabled(level: LogLevel): boolean;
  /** May be set while it runs. */
  level: LogLevel;
}

/** Names that a JSON line has already: a fact of the same name gets `_` behind it. */
const TAKEN = new Set(["level", "time", "message"]);
const CAUSE_LIMIT = 8;

/** An Error's stack is written while `level` is debug or trace, and never else. */
export function createLog({ level, format, write, now = Date.now }: LogOptions): Log {
  const line = format === "json" ? jsonLine : textLine;
  const writer =
    (urgency: LogLevel) =>
    (message: string, facts: LogFacts = {}) => {
      if (!log.enabled(urgency)) return;
      const told = toldFacts(facts, log.enabled("debug"));
      write(`${line(new Date(now()).toISOString(), urgency, message, told)}\n`);
    };
  const log: Log = {
    error: writer("error"),
    warn: writer("warn"),
    info: writer("info"),
    debug: writer("debug"),
    trace: writer("trace"),
    enabled: (wanted) => logLevels.indexOf(wanted) <= logLevels.indexOf(log.level),
    level,
  };
  return log;
}

function jsonLine(time: string, level: LogLevel, message: string, facts: ReadonlyMap<string, unknown>): string {
  let line = `{"level":"${level}","time":"${time}","message":${quoted(message)}`;
  for (const [name, value] of facts) line += `,${quoted(TAKEN.has(name) ? `${name}_` : name)}:${jsonText(value)}`;
  return `${line}}`;
}

function textLine(time: string, level: LogLevel, message: string, facts: ReadonlyMap<string, unknown>): string {
  let line = `${time}\t${level}\t${plain(message)}`;
  for (const [name, value] of facts) {
    line += ` ${logfmtKey(name)}=${logfmtValue(typeof value === "string" ? value : unquoted(jsonText(value)))}`;
  }
  return line;
}

/** What became a plain string on its way through `toJSON` is quoted as one, not twice. */
function unquoted(json: string): string {
  return json.startsWith('"') ? String(JSON.parse(json)) : json;
}

function toldFacts(facts: LogFacts, stacks: boolean): ReadonlyMap<string, unknown> {
  const told = new Map<string, unknown>();
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    if (!(value instanceof Error) || hasToJson(value)) {
      told.set(name, value);
      continue;
    }
    told.set(name, messages(value));
    if (stacks && value.stack !== undefined) told.set(`${name}.stack`, value.stack);
  }
  return told;
}

function hasToJson(error: Error): boolean {
  return "toJSON" in error && typeof error.toJSON === "function";
}

function messages(error: Error): string {
  const texts: string[] = [];
  let cause: unknown = error;
  while (cause instanceof Error && texts.length < CAUSE_LIMIT) {
    texts.push(cause.message === "" ? cause.name : cause.message);
    cause = cause.cause;
  }
  return texts.join(": ");
}
