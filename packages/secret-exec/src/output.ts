/** From what a program wrote to a key: its text, or a field of its JSON as kubectl's and AWS's plugins write it. */
import { SecretError, type Fetched } from "@keybearer/secrets";
import type { ExecFormat } from "./schema.ts";

type Json = Readonly<Record<string, unknown>>;

/** Throws SecretError SECRET_EMPTY, SECRET_MALFORMED or SECRET_EXPIRED; names of fields are shown, values are not. */
export function readOutput(output: Uint8Array, format: ExecFormat, property: string | undefined): Fetched {
  const text = decode(output);
  switch (format) {
    case "raw":
      return text;
    case "json":
      return readJson(parse(text), property ?? "value");
    case "execCredential":
      return readExecCredential(parse(text));
    case "credentialProcess":
      return readCredentialProcess(parse(text));
  }
}

function readJson(object: Json, property: string): Fetched {
  return { value: textAt(object, property), expiresAt: timeAt(object, "expiresAt") };
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
function readExecCredential(object: Json): Fetched {
  const { kind, apiVersion, status } = object;
  if (kind !== "ExecCredential" || !/^client\.authentication\.k8s\.io\/v1(?:beta1)?$/.test(String(apiVersion))) {
    throw malformed("this is no ExecCredential of client.authentication.k8s.io/v1 or v1beta1", names(object));
  }
  if (!isObject(status)) throw malformed("the ExecCredential has no status", names(object));
  return { value: textAt(status, "token"), expiresAt: timeAt(status, "expirationTimestamp") };
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html. The secret is the secret access key. */
function readCredentialProcess(object: Json): Fetched {
  if (object["Version"] !== 1) throw malformed("expected Version: 1, as credential_process has it", names(object));
  const accessKeyId = textAt(object, "AccessKeyId");
  const secretAccessKey = textAt(object, "SecretAccessKey");
  // Without one the program may leave the field out, or leave it empty.
  const sessionToken = object["SessionToken"] ? { sessionToken: textAt(object, "SessionToken") } : {};
  return {
    value: secretAccessKey,
    expiresAt: timeAt(object, "Expiration"),
    parts: { accessKeyId, secretAccessKey, ...sessionToken },
  };
}

function decode(output: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(output);
  } catch {
    throw malformed("the program's output is no UTF-8", `${output.length} bytes`);
  }
}

function parse(text: string): Json {
  if (text.trim() === "") {
    throw new SecretError("SECRET_EMPTY", "exec", "the program wrote nothing", { fix: "let it write JSON" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse quotes what it could not read.
    throw malformed("the program's output is no JSON", `${text.length} characters`, "is it format: raw?");
  }
  if (!isObject(value)) throw malformed("the program's output is no JSON object", undefined, "is it format: raw?");
  return value;
}

/** A field of that name, or else the path that its dots tell of: `data.data.key`. */
function valueAt(object: Json, property: string): unknown {
  if (Object.hasOwn(object, property)) return object[property];
  let value: unknown = object;
  for (const name of property.split(".")) {
    value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}

function textAt(object: Json, property: string): string {
  const value = valueAt(object, property);
  if (typeof value === "string") return value;
  if (value === undefined) throw malformed(`the JSON has no ${property}`, names(object), "name the field in property");
  throw malformed(`${property} in the JSON is no text`, Array.isArray(value) ? "a list" : `a ${typeof value}`);
}

/** RFC 3339, or a number: seconds since the epoch, or milliseconds where seconds would lie beyond the year 5000. */
function timeAt(object: Json, property: string): number | undefined {
  const value = object[property];
  if (value === undefined || value === null || value === "") return undefined;
  const time = typeof value === "number" ? (value < 1e11 ? value * 1_000 : value) : parseTime(value);
  if (!Number.isFinite(time)) throw malformed(`${property} is no time`, undefined, "write it as 2027-01-31T12:00:00Z");
  return time;
}

function parseTime(value: unknown): number {
  // Date.parse alone takes a time without a zone for a local one, and much else for a date.
  const isTime =
    typeof value === "string" && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$/i.test(value);
  return isTime ? Date.parse(value.replace(" ", "T")) : Number.NaN;
}

/** What fields there are. A name that is not shaped like one may be a value in the wrong place. */
function names(object: Json): string {
  const shown = Object.keys(object)
    .filter((name) => /^[A-Za-z][\w.-]{0,40}$/.test(name))
    .slice(0, 12);
  return shown.length === 0 ? "no fields" : `the fields ${shown.join(", ")}`;
}

function malformed(message: string, found?: string, fix?: string): SecretError {
  return new SecretError("SECRET_MALFORMED", "exec", message, { found, fix });
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
