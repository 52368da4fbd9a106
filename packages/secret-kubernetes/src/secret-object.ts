/** From a Secret object, or what tells of one, to what we need of it. */
import * as v from "valibot";
import { failure } from "./failures.ts";
import { DEFAULT_DATA_KEY } from "./schema.ts";

const metadata = v.looseObject({ name: v.optional(v.string()), resourceVersion: v.optional(v.string()) });
const fields = v.record(v.string(), v.unknown());
const secretSchema = v.object({
  kind: v.optional(v.literal("Secret")),
  metadata: v.looseObject({
    ...metadata.entries,
    creationTimestamp: v.nullish(v.string()),
    managedFields: v.nullish(
      v.array(
        v.looseObject({
          time: v.nullish(v.string()),
          fieldsV1: v.nullish(v.looseObject({ "f:data": v.nullish(fields) })),
        }),
      ),
      [],
    ),
  }),
  data: v.nullish(v.record(v.string(), v.string()), {}),
});
const listSchema = v.object({ metadata, items: v.nullish(v.array(v.object({ metadata })), []) });
const eventSchema = v.object({
  type: v.string(),
  object: v.looseObject({
    metadata: v.optional(metadata),
    code: v.optional(v.number()),
    message: v.optional(v.string()),
  }),
});

export type SecretObject = v.InferOutput<typeof secretSchema>;
export type SecretList = v.InferOutput<typeof listSchema>;
/** `object` of an ERROR event is a Status: `code`, `message`. */
export type WatchEvent = v.InferOutput<typeof eventSchema>;

export const asSecret = (json: unknown): SecretObject => read(secretSchema, json, "a Secret");
export const asList = (json: unknown): SecretList => read(listSchema, json, "a list of Secrets");

export function asEvent(line: string): WatchEvent {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    // Told below; JSON.parse itself would quote the line.
  }
  return read(eventSchema, json, "an event");
}

/** What the server says of a refusal. */
export function messageOf(json: unknown): string {
  const result = v.safeParse(v.object({ message: v.string() }), json);
  return result.success ? result.output.message : "";
}

/**
 * The text of one field. As agentgateway has it: only from the field `Authorization` one `Bearer ` is taken off, whatever
 * else the text may be. Throws SecretError SECRET_NOT_FOUND, naming the fields that there are, or SECRET_MALFORMED.
 */
export function textOf({ data }: SecretObject, key: string, place: string): string {
  const encoded = data !== null && Object.hasOwn(data, key) ? data[key] : undefined;
  if (encoded === undefined) {
    const names = Object.keys(data ?? {}).toSorted();
    throw failure("SECRET_NOT_FOUND", `the Secret has no field ${key}`, {
      found: names.length === 0 ? `${place}, without data` : `${place} has ${names.slice(0, 12).join(", ")}`,
      fix: names.length === 0 ? "put the key there" : "name the field in key",
    });
  }
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) {
    throw failure("SECRET_MALFORMED", `the Secret's field ${key} is no base64`, { found: place });
  }
  const text = decode(bytes, key, place).trim();
  return key === DEFAULT_DATA_KEY && text.startsWith("Bearer ") ? text.slice("Bearer ".length) : text;
}

/**
 * When the field was written, in milliseconds since the epoch: the API server keeps a time for each writer of fields, and
 * moves it when the writer changes one of them. Where it keeps none, the time at which the Secret was made.
 */
export function writtenAt({ metadata }: SecretObject, key: string): number | undefined {
  const writers = (metadata.managedFields ?? []).filter(({ fieldsV1 }) =>
    Object.hasOwn(fieldsV1?.["f:data"] ?? {}, `f:${key}`),
  );
  const times = [metadata.creationTimestamp, ...writers.map(({ time }) => time)].map((time) => Date.parse(time ?? ""));
  const known = times.filter((time) => Number.isFinite(time));
  return known.length === 0 ? undefined : Math.max(...known);
}

function decode(bytes: Uint8Array, key: string, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw failure("SECRET_MALFORMED", `the Secret's field ${key} is no UTF-8`, { found: place });
  }
}

/** The issues of valibot hold what was found, so that nothing is taken from them. */
function read<Schema extends v.GenericSchema>(schema: Schema, json: unknown, what: string): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  throw failure("SECRET_UNAVAILABLE", `the API server sent something that is not ${what}`);
}
