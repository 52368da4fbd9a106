/** Reads what a request's body says about model and stream, and writes the configured model into it. */
import { isUtf8 } from "node:buffer";
import type { BodyEdit, EditedBody } from "../../contract.ts";
import { BodyError } from "../../errors.ts";
import { asBuffer } from "./as-buffer.ts";
import { BRACE_OPEN, LETTER_N, LETTER_T, QUOTE } from "./json-bytes.ts";
import { scanObject, wantedNames, type JsonMember, type JsonObject } from "./json-scan.ts";
import { editMultipart } from "./multipart.ts";
import { splice, type Edit } from "./splice.ts";

/**
 * Multipart where the content type says so, JSON otherwise, whatever it says: no content type makes a body pass unread.
 * Returns the same bytes where there is nothing to write. Throws BodyError.
 */
export function editBody(body: Uint8Array, contentType: string | undefined, edit: BodyEdit): EditedBody {
  const bytes = asBuffer(body);
  const isMultipart = contentType !== undefined && /^[ \t]*multipart\/form-data[ \t]*(?:;|$)/i.test(contentType);
  const edited = isMultipart ? editMultipart(bytes, contentType, edit) : editJson(bytes, edit);
  return edited.bytes === bytes ? { ...edited, bytes: body } : edited;
}

const names = wantedNames("model", "stream", "stream_options");
const wishNames = wantedNames("include_usage");

/** What is to be written: over a value, or as a new member at the top. */
interface Plan {
  readonly edits: Edit[];
  readonly added: string[];
}

function editJson(json: Buffer, edit: BodyEdit): EditedBody {
  if (!isUtf8(json)) throw new BodyError("INVALID_JSON", firstInvalid(json), "the body is no valid UTF-8");
  const object = scanObject(json, names);
  // The last of two members counts, as in JSON.parse.
  const lastOf = (name: string) => object.members.findLast((member) => member.name === name);
  const stream = isTrue(json, lastOf("stream"));
  const plan: Plan = { edits: [], added: [] };
  if (edit.model !== undefined) writeModel(json, object, edit.model, plan);
  const usageWasAdded = edit.includeUsage && stream && askForUsage(json, object, plan);
  if (plan.added.length > 0) plan.edits.unshift(insertion(object, plan.added.join(",")));
  return { bytes: splice(json, plan.edits), requestedModel: stringOf(json, lastOf("model")), stream, usageWasAdded };
}

/** Into each of them, for parsers differ in which of two members counts. */
function writeModel(json: Buffer, { members }: JsonObject, model: string, plan: Plan): void {
  const { text, bytes } = inJson(model);
  let isThere = false;
  for (const { name, start, end } of members) {
    if (name !== "model") continue;
    isThere = true;
    const isSame = end - start === bytes.length && json.compare(bytes, 0, bytes.length, start, end) === 0;
    if (!isSame) plan.edits.push({ start, end, bytes });
  }
  if (!isThere) plan.added.push(`"model":${text}`);
}

interface ModelText {
  readonly model: string;
  readonly text: string;
  readonly bytes: Buffer;
}

/** Of the last model that was written: a gateway has few of them. */
let lastModel: ModelText | undefined;

function inJson(model: string): ModelText {
  if (lastModel?.model === model) return lastModel;
  const text = JSON.stringify(model);
  return (lastModel = { model, text, bytes: Buffer.from(text) });
}

const wish = '"include_usage":true';

/** False where the client asks itself, or says something that only the provider can answer, with an error. */
function askForUsage(json: Buffer, { members }: JsonObject, plan: Plan): boolean {
  const options = members.filter((member) => member.name === "stream_options");
  const last = options.at(-1);
  if (last === undefined) {
    plan.added.push(`"stream_options":{${wish}}`);
    return true;
  }
  const kind = json[last.start];
  if (kind !== BRACE_OPEN && kind !== LETTER_N) return false;
  if (kind === BRACE_OPEN && isTrue(json.subarray(last.start, last.end), usageWishes(json, last).members.at(-1))) {
    return false;
  }
  for (const option of options) askIn(json, option, plan);
  return true;
}

function askIn(json: Buffer, option: JsonMember, plan: Plan): void {
  const { start, end } = option;
  if (json[start] !== BRACE_OPEN) {
    plan.edits.push({ start, end, bytes: Buffer.from(`{${wish}}`) });
    return;
  }
  const object = usageWishes(json, option);
  const edits: Edit[] = object.members.map((member) => ({ start: member.start, end: member.end, bytes: TRUE }));
  if (edits.length === 0) edits.push(insertion(object, wish));
  plan.edits.push(...edits.map((edit) => ({ start: start + edit.start, end: start + edit.end, bytes: edit.bytes })));
}

function usageWishes(json: Buffer, option: JsonMember): JsonObject {
  return scanObject(json.subarray(option.start, option.end), wishNames);
}

/** At the top, the one place that is there in every object. */
function insertion(object: JsonObject, members: string): Edit {
  const bytes = Buffer.from(object.isEmpty ? members : `${members},`);
  return { start: object.inside, end: object.inside, bytes };
}

const TRUE = Buffer.from("true");

// One byte tells: the text was checked.
function isTrue(json: Buffer, member: JsonMember | undefined): boolean {
  return member !== undefined && json[member.start] === LETTER_T;
}

function stringOf(json: Buffer, member: JsonMember | undefined): string | undefined {
  if (member === undefined || json[member.start] !== QUOTE) return undefined;
  const inside = json.toString("utf8", member.start + 1, member.end - 1);
  return inside.includes("\\") ? String(JSON.parse(`"${inside}"`)) : inside;
}

/** What is not UTF-8 does not come back as it was. */
function firstInvalid(bytes: Buffer): number {
  const again = Buffer.from(bytes.toString("utf8"));
  let at = 0;
  while (at < bytes.length && bytes[at] === again[at]) at++;
  return at;
}
