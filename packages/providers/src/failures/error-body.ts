/** Reads codes and text out of an error body, whatever shape the provider gives it. */

export interface ErrorDetails {
  /** Lower case, without what AWS appends after `:` or `#`. From every place where a provider puts a code, type, status or reason. */
  readonly codes: readonly string[];
  /** What the provider says to people; the body itself where nothing in it is known. At most 4,096 characters. */
  readonly message: string;
  /** Google's RetryInfo, as it stands: `46s`. */
  readonly retryDelay: string | undefined;
  /** Google's quota ids: `GenerateRequestsPerDayPerProjectPerModel-FreeTier`. */
  readonly quotas: readonly string[];
  /** A status told in the body, where there is one. */
  readonly status: number | undefined;
  readonly html: boolean;
}

const textLimit = 4096;
/** Deep enough for `{"response":{"error":{"details":[{"violations":[{}]}]}}}`. */
const depthLimit = 6;

/** Where codes stand. `param` is not among them: it may quote the request. */
const codeNames = new Set(["code", "type", "status", "reason", "error_code", "error_type", "__type", "limit_source"]);
const messageNames = new Set(["message", "detail", "msg", "error_description"]);
/** Where an error, or more about it, is nested. All else, `param`, `metadata.raw` and the like, is not looked into. */
const nestedNames = new Set(["error", "response", "details", "detail", "metadata", "violations", "innererror"]);

/** Never throws. `errorType`: the header x-amzn-errortype. */
export function readErrorBody(body: string, errorType?: string): ErrorDetails {
  const found = new Findings();
  if (errorType !== undefined) found.addCode(errorType);
  const html = /^\s*(?:<!doctype html|<html|<head|<\?xml)/i.test(body);
  const value = html ? undefined : parse(body);
  if (value === undefined || typeof value === "string") found.messages.push(value ?? body);
  else found.read(value, 0);
  return {
    codes: [...found.codes],
    message: found.messages.join(" ").trim().slice(0, textLimit),
    retryDelay: found.retryDelay,
    quotas: found.quotas,
    status: found.status,
    html,
  };
}

class Findings {
  readonly codes = new Set<string>();
  readonly messages: string[] = [];
  readonly quotas: string[] = [];
  retryDelay: string | undefined;
  status: number | undefined;

  read(value: unknown, depth: number): void {
    if (depth > depthLimit || typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      // A validator lists one entry a field; the first tell all that there is to tell.
      for (const each of value.slice(0, 8)) this.read(each, depth + 1);
      return;
    }
    for (const [name, member] of Object.entries(value)) this.#readMember(name, member, depth);
  }

  addCode(code: string): void {
    if (code.length > 0 && code.length <= 128) this.codes.add(code.toLowerCase().replace(/^.*#|:https?:.*$/g, ""));
  }

  #readMember(name: string, member: unknown, depth: number): void {
    const key = name.toLowerCase();
    if (typeof member === "string") this.#readText(key, member);
    else if (typeof member === "number") this.#readNumber(key, member);
    else if (nestedNames.has(key)) this.read(member, depth + 1);
  }

  #readText(key: string, text: string): void {
    if (codeNames.has(key)) this.addCode(text);
    else if (messageNames.has(key)) this.messages.push(text);
    else if (key === "error") {
      this.messages.push(text);
      if (/^[\w.:-]+$/.test(text)) this.addCode(text);
    } else if (key === "retrydelay") this.retryDelay = text;
    else if (key === "quotaid") this.quotas.push(text);
    else if (key === "provider_name") this.addCode("provider_name");
  }

  #readNumber(key: string, number: number): void {
    if (key === "status" || key === "code" || key === "status_code") {
      if (Number.isInteger(number) && number >= 400 && number <= 599) this.status ??= number;
      if (key !== "status_code") this.addCode(String(number));
    }
  }
}

/** JSON, or the data of an event that holds JSON. Undefined: neither. */
function parse(body: string): unknown {
  const text = body.trim();
  if (text === "") return "";
  return parseJson(text) ?? parseJson(eventData(text));
}

function eventData(text: string): string {
  return (
    text
      .split(/\r\n|\n|\r/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).trim())
      .find((data) => data !== "[DONE]") ?? ""
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
