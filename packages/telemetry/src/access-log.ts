/** One line for one request, with agentgateway's field names and, beside them, which key served. */
import { jsonText, logfmtKey, logfmtValue, quoted } from "./quoting.ts";
import type { RequestRecord } from "./record.ts";

export type LogFormat = "json" | "text";

/** A line without its line break. Never throws, never contains a control character but text's two tabs after time and level. */
export function accessLogLine(record: RequestRecord, format: LogFormat): string {
  const time = isoTime(record.startedAt + record.durationMs);
  const line = format === "json" ? new JsonLine(time) : new TextLine(time);
  writeFields(record, line);
  if (record.attempts !== undefined) line.any("key.attempts", record.attempts);
  if (record.caller !== undefined) {
    for (const [name, value] of Object.entries(record.caller)) line.any(`caller.${name}`, value);
  }
  line.text(DURATION, `${Math.round(record.durationMs)}ms`);
  return line.end();
}

/** A name as each format begins a field with it, made once: a line is put together from finished pieces. */
interface FieldName {
  readonly json: string;
  readonly text: string;
}

function named(name: string): FieldName {
  return { json: `,"${name}":`, text: ` ${name}=` };
}

const GATEWAY = named("gateway");
const LISTENER = named("listener");
const ROUTE = named("route");
const ENDPOINT = named("endpoint");
const SOURCE_ADDRESS = named("src.addr");
const METHOD = named("http.method");
const HOST = named("http.host");
const PATH = named("http.path");
const VERSION = named("http.version");
const STATUS = named("http.status");
const PROTOCOL = named("protocol");
const OPERATION = named("gen_ai.operation.name");
const PROVIDER = named("gen_ai.provider.name");
const REQUEST_MODEL = named("gen_ai.request.model");
const RESPONSE_MODEL = named("gen_ai.response.model");
const INPUT_TOKENS = named("gen_ai.usage.input_tokens");
const CACHED_TOKENS = named("gen_ai.usage.cache_read.input_tokens");
const OUTPUT_TOKENS = named("gen_ai.usage.output_tokens");
const REASONING_TOKENS = named("gen_ai.usage.reasoning_tokens");
const FIRST_TOKEN = named("agw.ai.time_to_first_token");
const RETRY_ATTEMPT = named("retry.attempt");
const ERROR = named("error");
const REASON = named("reason");
const REQUEST_ID = named("request.id");
const ERROR_CODE = named("error.code");
const KEY_NAME = named("key.name");
const KEY_SOURCE = named("key.source");
const KEY_FINGERPRINT = named("key.fingerprint");
const DURATION = named("duration");

/** The order is agentgateway's; ours follow. */
function writeFields(record: RequestRecord, line: Line): void {
  line.text(GATEWAY, record.bind);
  line.text(LISTENER, record.listener);
  line.text(ROUTE, record.route);
  line.text(ENDPOINT, record.endpoint);
  line.text(SOURCE_ADDRESS, record.clientAddress);
  line.text(METHOD, record.method);
  line.text(HOST, record.host);
  line.text(PATH, record.path);
  line.text(VERSION, record.httpVersion);
  line.number(STATUS, record.status);
  line.text(PROTOCOL, record.protocol);
  const { llm, key } = record;
  if (llm !== undefined) {
    line.text(OPERATION, llm.operation);
    line.text(PROVIDER, llm.system);
    line.text(REQUEST_MODEL, llm.requestModel);
    line.text(RESPONSE_MODEL, llm.responseModel);
    line.number(INPUT_TOKENS, llm.inputTokens);
    line.number(CACHED_TOKENS, llm.cachedInputTokens);
    line.number(OUTPUT_TOKENS, llm.outputTokens);
    line.number(REASONING_TOKENS, llm.reasoningTokens);
    line.number(FIRST_TOKEN, seconds(llm.timeToFirstByteMs));
  }
  // As agentgateway has it: nothing where there was none.
  line.number(RETRY_ATTEMPT, record.retries || undefined);
  line.text(ERROR, record.error);
  line.text(REASON, record.reason);
  line.text(REQUEST_ID, record.requestId);
  line.text(ERROR_CODE, record.errorCode);
  if (key === undefined) return;
  line.text(KEY_NAME, key.name);
  line.text(KEY_SOURCE, key.source);
  line.text(KEY_FINGERPRINT, key.fingerprint);
}

/** Leaves out what is undefined. */
interface Line {
  text(name: FieldName, value: string | undefined): void;
  number(name: FieldName, value: number | undefined): void;
  any(name: string, value: unknown): void;
  end(): string;
}

class JsonLine implements Line {
  #line: string;

  constructor(time: string) {
    this.#line = `{"level":"info","time":"${time}","scope":"request"`;
  }

  text(name: FieldName, value: string | undefined): void {
    if (value !== undefined) this.#line += name.json + quoted(value);
  }

  number(name: FieldName, value: number | undefined): void {
    if (value !== undefined) this.#line += name.json + numberText(value);
  }

  any(name: string, value: unknown): void {
    this.#line += `,${quoted(name)}:${jsonText(value)}`;
  }

  end(): string {
    return `${this.#line}}`;
  }
}

class TextLine implements Line {
  #line: string;

  constructor(time: string) {
    this.#line = `${time}\tinfo\trequest`;
  }

  text(name: FieldName, value: string | undefined): void {
    if (value !== undefined) this.#line += name.text + logfmtValue(value);
  }

  number(name: FieldName, value: number | undefined): void {
    if (value !== undefined) this.#line += name.text + numberText(value);
  }

  any(name: string, value: unknown): void {
    this.#line += ` ${logfmtKey(name)}=${logfmtValue(typeof value === "string" ? value : jsonText(value))}`;
  }

  end(): string {
    return this.#line;
  }
}

/** As agentgateway gives it; rounded to the microsecond. */
function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1_000_000;
}

/** JSON has no NaN and no Infinity. */
function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : "null";
}

let lastSecond = Number.NaN;
let lastSecondText = "";

/** Requests come many a second: all but the milliseconds is formatted once for all of them. */
function isoTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    const date = new Date(second * 1000);
    if (Number.isNaN(date.getTime())) return "1970-01-01T00:00:00.000Z";
    lastSecond = second;
    lastSecondText = date.toISOString().slice(0, -4);
  }
  return `${lastSecondText}${String(Math.floor(ms) - second * 1000).padStart(3, "0")}Z`;
}
