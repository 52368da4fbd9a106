/** One line for one request, with agentgateway's field names and, beside them, which key served. */
import { jsonText, logfmtKey, logfmtValue, quoted } from "./quoting.ts";
import type { RequestRecord } from "./record.ts";

export type LogFormat = "json" | "text";

/** A line without its line break. Never throws, never contains a control character but text's two tabs after time and level. */
export function accessLogLine(record: RequestRecord, format: LogFormat): string {
  const { form, fields } = lines[format];
  return (
    form.begin(isoTime(record.startedAt + record.durationMs)) +
    requestFields(record, fields) +
    modelFields(record, fields) +
    // As agentgateway has it: nothing where there was none.
    fields.retryAttempt(record.retries || undefined) +
    fields.error(record.error) +
    fields.reason(record.reason) +
    fields.requestId(record.requestId) +
    fields.errorCode(record.errorCode) +
    keyFields(record, fields) +
    otherFields(record, form) +
    fields.duration(Math.round(record.durationMs)) +
    form.end
  );
}

/** The order is agentgateway's; ours follow. */
function requestFields(record: RequestRecord, fields: Fields): string {
  const { bind, listener, route, endpoint, clientAddress, method, host, path, httpVersion, status, protocol } = record;
  return (
    fields.place([bind, listener, route, endpoint]) +
    fields.sourceAddress(clientAddress) +
    fields.request([method, host, path, httpVersion, status, protocol])
  );
}

function modelFields({ llm }: RequestRecord, fields: Fields): string {
  if (llm === undefined) return "";
  return (
    fields.model([llm.operation, llm.system, llm.requestModel, llm.responseModel]) +
    fields.inputTokens(llm.inputTokens) +
    fields.cachedTokens(llm.cachedInputTokens) +
    fields.outputTokens(llm.outputTokens) +
    fields.reasoningTokens(llm.reasoningTokens) +
    fields.firstToken(llm.timeToFirstByteMs)
  );
}

function keyFields({ key }: RequestRecord, fields: Fields): string {
  return key === undefined ? "" : fields.key([key.name, key.source, key.fingerprint]);
}

/** What few requests have. */
function otherFields({ attempts, caller }: RequestRecord, form: Form): string {
  let text = attempts === undefined ? "" : form.any("key.attempts", attempts);
  if (caller === undefined) return text;
  for (const [name, value] of Object.entries(caller)) text += form.any(`caller.${name}`, value);
  return text;
}

/** How a format writes a line. */
interface Form {
  readonly begin: (time: string) => string;
  /** What stands before the value of a field of ours, whose name is harmless. */
  readonly name: (name: string) => string;
  readonly text: (value: string) => string;
  readonly any: (name: string, value: unknown) => string;
  readonly end: string;
}

const jsonForm: Form = {
  begin: (time) => `{"level":"info","time":"${time}","scope":"request"`,
  name: (name) => `,"${name}":`,
  text: quoted,
  any: (name, value) => `,${quoted(name)}:${jsonText(value)}`,
  end: "}",
};

const textForm: Form = {
  begin: (time) => `${time}\tinfo\trequest`,
  name: (name) => ` ${name}=`,
  text: logfmtValue,
  any: (name, value) => ` ${logfmtKey(name)}=${logfmtValue(typeof value === "string" ? value : jsonText(value))}`,
  end: "",
};

/** Writes a field with its name; nothing for what is undefined. */
type Field<Value> = (value: Value | undefined) => string;

function field<Value>(name: string, write: (value: Value) => string): Field<Value> {
  return (value) => (value === undefined ? "" : name + write(value));
}

type Steady = string | number | undefined;

/** Several, of which most lines say the same as the line before: what was written last is kept, in one piece. */
function steadyFields(form: Form, names: readonly string[]): (values: readonly Steady[]) => string {
  let last: readonly Steady[] = [];
  let written = "";
  const write = (value: Steady, index: number): string => {
    if (value === undefined) return "";
    return form.name(names[index] ?? "") + (typeof value === "number" ? numberText(value) : form.text(value));
  };
  return (values) => {
    if (values.some((value, index) => value !== last[index]) || last.length === 0) {
      written = values.map(write).join("");
      last = values;
    }
    return written;
  };
}

type Fields = ReturnType<typeof fieldsOf>;

function fieldsOf(form: Form) {
  const text = (name: string) => field<string>(form.name(name), form.text);
  const number = (name: string) => field<number>(form.name(name), numberText);
  const steady = (...names: readonly string[]) => steadyFields(form, names);
  return {
    place: steady("gateway", "listener", "route", "endpoint"),
    sourceAddress: text("src.addr"),
    request: steady("http.method", "http.host", "http.path", "http.version", "http.status", "protocol"),
    model: steady("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"),
    inputTokens: number("gen_ai.usage.input_tokens"),
    cachedTokens: number("gen_ai.usage.cache_read.input_tokens"),
    outputTokens: number("gen_ai.usage.output_tokens"),
    reasoningTokens: number("gen_ai.usage.reasoning_tokens"),
    firstToken: field<number>(form.name("agw.ai.time_to_first_token"), secondsText),
    retryAttempt: number("retry.attempt"),
    error: text("error"),
    reason: text("reason"),
    requestId: text("request.id"),
    errorCode: text("error.code"),
    key: steady("key.name", "key.source", "key.fingerprint"),
    duration: field<number>(form.name("duration"), (ms) => form.text(`${ms}ms`)),
  };
}

const lines = {
  json: { form: jsonForm, fields: fieldsOf(jsonForm) },
  text: { form: textForm, fields: fieldsOf(textForm) },
};

const MICROSECONDS = 1_000_000;
/** As many digits as a number of JavaScript surely holds. */
const LONGEST = 1e15;

/** Seconds, as agentgateway gives them, rounded to the microsecond. In whole numbers: a fraction takes V8 five times as long. */
function secondsText(ms: number): string {
  const us = Math.round(ms * 1000);
  const seconds = Math.floor(us / MICROSECONDS);
  const rest = us - seconds * MICROSECONDS;
  // Without a fraction, or no time that anybody measures.
  if (!(rest > 0 && us > 0 && us < LONGEST)) return numberText(us / MICROSECONDS);
  const digits = String(rest + MICROSECONDS);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === ZERO) end -= 1;
  return `${seconds}.${digits.slice(1, end)}`;
}

const ZERO = 0x30;

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
