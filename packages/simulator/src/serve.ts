/** One request, from its head to the end of its answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connections } from "./connections.ts";
import type { Call } from "./endpoint.ts";
import { modelNotFound } from "./endpoints/models.ts";
import { changedReply, replyInstead } from "./fault-reply.ts";
import { sendGarbage, sendOnWire, wirePlan } from "./fault-wire.ts";
import type { Fault, FaultPlan } from "./faults.ts";
import { asObject, asString, type JsonObject } from "./json.ts";
import type { KeyBook } from "./keys.ts";
import { fieldOf, readMultipart, type FormPart } from "./multipart.ts";
import { errorReply, statusReply } from "./openai-error.ts";
import { readSimulateHeader, type AnswerOptions } from "./options.ts";
import { eventDelayMs, pause, writeAll } from "./pace.ts";
import { receivedRequest } from "./received.ts";
import type { RecordEntry, RequestLog } from "./record.ts";
import { withHeaders, type Reply } from "./reply.ts";
import { findRoute } from "./routes.ts";
import { sendReply } from "./send.ts";
import type { Store } from "./store.ts";

/** What all requests of a simulator share. */
export interface Household {
  readonly connections: Connections;
  readonly log: RequestLog;
  readonly keys: KeyBook;
  readonly faults: FaultPlan;
  readonly store: Store;
  readonly models: readonly string[] | undefined;
  readonly answer: AnswerOptions;
  readonly answersByModel: Readonly<Record<string, AnswerOptions>>;
  readonly organization: string;
  readonly basePaths: readonly string[];
  readonly bodyLimitBytes: number;
  readonly now: () => number;
}

interface Answered {
  readonly reply: Reply;
  readonly answer: AnswerOptions;
}

export async function serve(
  house: Household,
  incoming: IncomingMessage,
  response: ServerResponse,
  mayBegin: () => void,
): Promise<void> {
  const connection = house.connections.enter(incoming.socket);
  const entry = receivedRequest(incoming, connection.id, connection.requestOnConnection, house.now());
  const client = new AbortController();
  response.once("close", () => {
    connection.leave();
    if (!entry.answered) house.log.left(entry);
    client.abort();
  });
  house.log.add(entry);
  const fault = house.faults.take(entry);
  if (fault.kind !== "early-answer") {
    mayBegin();
    const body = await readBody(incoming, house.bodyLimitBytes);
    if (body === undefined) return;
    if (body === "too large") {
      entry.answered = true;
      response.writeHead(413, { connection: "close" }).end();
      return;
    }
    entry.body = body;
    entry.bodyComplete = true;
  }
  house.log.arrived(entry);
  await answerWith(house, fault, entry, incoming, response, client.signal);
}

async function answerWith(
  house: Household,
  fault: Fault,
  entry: RecordEntry,
  incoming: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { socket } = incoming;
  if (fault.kind === "garbage") {
    await sendGarbage(socket, fault.bytes ?? "\u0000\u0001 this is no HTTP\r\n\r\n", entry);
    return;
  }
  const { reply: usual, answer } = answered(house, fault, entry);
  const reply = changedReply(fault, withHeaders(usual, usualHeaders(house)));
  if (answer.latencyMs !== undefined) await pause(answer.latencyMs, signal);
  if (signal.aborted) return;
  const plan = wirePlan(fault);
  if (plan !== undefined) {
    await sendOnWire(socket, reply, plan, entry, eventDelayMs(answer), signal);
    if (fault.kind === "early-answer") incoming.resume();
    return;
  }
  if (fault.kind === "flood-1xx") {
    const head = `HTTP/1.1 ${fault.status ?? 103} Informational\r\n\r\n`;
    for (let sent = 0; sent < fault.count && !signal.aborted; sent++) await writeAll(socket, head, signal);
  }
  await sendReply(response, reply, answer, entry, signal, fault.kind === "split" ? fault.every : undefined);
}

function usualHeaders(house: Household): Record<string, string> {
  return {
    "x-request-id": house.store.newId("req_"),
    "openai-organization": house.organization,
    "openai-version": "2020-10-01",
    "openai-processing-ms": "1",
  };
}

/** What the provider says, before anything goes wrong. */
function answered(house: Household, fault: Fault, entry: RecordEntry): Answered {
  const asked = readSimulateHeader(entry.headers["x-simulate"]);
  const instead = replyInstead(fault, entry) ?? (asked.status === undefined ? undefined : statusReply(asked.status));
  const optionsFor = (model: string) => ({ ...house.answer, ...house.answersByModel[model], ...asked.answer });
  if (instead !== undefined) return { reply: instead, answer: optionsFor("") };

  const route = findRoute(entry.method, entry.path, house.basePaths);
  const content = route.endpoint?.reads === "nothing" ? undefined : readContent(entry);
  const model = modelOf(content);
  const answer = optionsFor(model);
  const verdict = house.keys.check(entry.key, model === "" ? undefined : model);
  const refusal =
    verdict.refusal ?? route.refusal ?? contentRefusal(house, content, model, route.endpoint?.needsModel ?? false);
  if (refusal !== undefined || route.endpoint === undefined) return { reply: refusal ?? statusReply(404), answer };

  const call: Call = {
    params: route.params,
    query: new URLSearchParams(entry.query),
    answer,
    store: house.store,
    organization: house.organization,
    key: entry.key,
    models: house.models,
    created: Math.floor(house.now() / 1000),
  };
  return { reply: withHeaders(callEndpoint(route.endpoint, call, content, model), verdict.headers), answer };
}

type Content =
  | { readonly json: JsonObject }
  | { readonly parts: readonly FormPart[] }
  | { readonly unreadable: string };

function readContent(entry: RecordEntry): Content {
  const type = entry.headers["content-type"] ?? "";
  if (type.startsWith("multipart/")) {
    const parts = readMultipart(type, entry.body);
    return parts === undefined ? { unreadable: "Could not parse multipart form" } : { parts };
  }
  try {
    const json = asObject(JSON.parse(entry.body.toString("utf8")));
    if (json !== undefined) return { json };
  } catch {
    // said below
  }
  return { unreadable: "We could not parse the JSON body of your request. The API expects a JSON payload." };
}

function modelOf(content: Content | undefined): string {
  if (content === undefined || "unreadable" in content) return "";
  if ("parts" in content) return fieldOf(content.parts, "model") ?? "";
  return asString(content.json["model"]) ?? "";
}

function contentRefusal(
  house: Household,
  content: Content | undefined,
  model: string,
  needsModel: boolean,
): Reply | undefined {
  if (content !== undefined && "unreadable" in content) return errorReply(400, { message: content.unreadable });
  if (model === "" && needsModel) return errorReply(400, { message: "you must provide a model parameter" });
  if (model !== "" && house.models?.includes(model) === false) return modelNotFound(model);
  return undefined;
}

function callEndpoint(
  endpoint: NonNullable<ReturnType<typeof findRoute>["endpoint"]>,
  call: Call,
  content: Content | undefined,
  model: string,
): Reply {
  if (endpoint.reads === "nothing") return endpoint.answer(call);
  if (endpoint.reads === "json") {
    if (content !== undefined && "json" in content) return endpoint.answer({ ...call, body: content.json, model });
    return errorReply(400, { message: "Invalid Content-Type. Expected application/json." });
  }
  if (content !== undefined && "parts" in content) return endpoint.answer({ ...call, parts: content.parts, model });
  return errorReply(400, { message: "Invalid Content-Type. Expected multipart/form-data." });
}

/** Undefined when the client leaves before the end. */
function readBody(incoming: IncomingMessage, limitBytes: number): Promise<Buffer | "too large" | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | "too large" | undefined>();
  const chunks: Buffer[] = [];
  let length = 0;
  incoming.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > limitBytes) resolve("too large");
    else chunks.push(chunk);
  });
  incoming.once("end", () => resolve(Buffer.concat(chunks, Math.min(length, limitBytes))));
  incoming.once("close", () => resolve(undefined));
  incoming.once("error", () => resolve(undefined));
  return promise;
}
