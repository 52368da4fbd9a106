/** The inference calls of OpenAI's API: which path, by which method, and what its body holds. */
import type { Call, Operation, RouteType } from "../../contract.ts";
import { isPlainPath } from "../../plain-path.ts";

interface Endpoint {
  readonly methods: readonly string[];
  readonly operation: Operation;
  /** Its body names a model that a configured one replaces. */
  readonly takesModel?: true;
  readonly streamsUsageOnRequest?: true;
}

const generation = { methods: ["POST"], takesModel: true } as const;

const fixed = {
  "/chat/completions": { ...generation, operation: "chat", streamsUsageOnRequest: true },
  "/completions": { ...generation, operation: "text_completion", streamsUsageOnRequest: true },
  "/responses": { ...generation, operation: "responses" },
  "/responses/compact": { ...generation, operation: "responses" },
  "/responses/input_tokens": { ...generation, operation: "responses" },
  "/embeddings": { ...generation, operation: "embeddings" },
  "/moderations": { ...generation, operation: "moderations" },
  "/images/generations": { ...generation, operation: "images" },
  "/images/edits": { ...generation, operation: "images" },
  "/images/variations": { ...generation, operation: "images" },
  "/audio/speech": { ...generation, operation: "audio" },
  "/audio/transcriptions": { ...generation, operation: "audio" },
  "/audio/translations": { ...generation, operation: "audio" },
  "/models": { methods: ["GET"], operation: "models" },
  "/files": { methods: ["GET", "POST"], operation: "files" },
  "/batches": { methods: ["GET", "POST"], operation: "batches" },
} as const satisfies Readonly<Record<string, Endpoint>>;

/** Calls on one thing: what stands before its id, and what after. */
interface ItemEndpoint extends Endpoint {
  readonly before: string;
  readonly after: string;
  /** Ids of models are names such as `org/model`. */
  readonly idMayHoldSlashes?: true;
}

const items: readonly ItemEndpoint[] = [
  { before: "/models/", after: "", methods: ["GET"], operation: "models", idMayHoldSlashes: true },
  { before: "/responses/", after: "", methods: ["GET", "DELETE"], operation: "responses" },
  { before: "/responses/", after: "/cancel", methods: ["POST"], operation: "responses" },
  { before: "/responses/", after: "/input_items", methods: ["GET"], operation: "responses" },
  { before: "/files/", after: "", methods: ["GET", "DELETE"], operation: "files" },
  { before: "/files/", after: "/content", methods: ["GET"], operation: "files" },
  { before: "/batches/", after: "", methods: ["GET"], operation: "batches" },
  { before: "/batches/", after: "/cancel", methods: ["POST"], operation: "batches" },
];

interface KnownCall {
  readonly call: Call;
  readonly methods: readonly string[];
}

const known = new Map<string, KnownCall>();
/** Nearly every request: found by one look-up, its path needs no inspection. */
const knownUnderV1 = new Map<string, KnownCall>();
for (const [suffix, endpoint] of Object.entries<Endpoint>(fixed)) {
  const entry = { call: callOn(endpoint, suffix), methods: endpoint.methods };
  known.set(suffix, entry);
  knownUnderV1.set(`/v1${suffix}`, entry);
}

const byType = {
  completions: callOn(fixed["/chat/completions"], "/chat/completions"),
  responses: callOn(fixed["/responses"], "/responses"),
  embeddings: callOn(fixed["/embeddings"], "/embeddings"),
  models: callOn(fixed["/models"], "/models"),
};
const passthrough: Call = {
  operation: "passthrough",
  suffix: undefined,
  takesModel: false,
  streamsUsageOnRequest: false,
};

/** No inference call has a longer one; bounds what a search for an ending costs. */
const pathLimit = 2048;

/**
 * What follows the last `/v1/` decides, and outside `/v1/` the longest known ending. A JSON POST to a path outside
 * `/v1/` with no known ending is a chat completion. Undefined for the rest of the API (threads, fine-tuning, the
 * organization), and for a path that two servers could read in two ways: what is returned stays below its endpoint
 * however it is decoded.
 */
export function classify(method: string, path: string, hasJsonBody: boolean): Call | undefined {
  const plain = knownUnderV1.get(path);
  if (plain !== undefined) return plain.methods.includes(method) ? plain.call : undefined;
  if (path.length > pathLimit || !isPlainPath(path, true)) return undefined;
  const escapedSlash = path.search(/%2f/i);
  const v1 = path.lastIndexOf("/v1/");
  if (v1 === -1) return classifyEnding(method, path, hasJsonBody, escapedSlash);
  // Only the id of a model may hold an escaped slash.
  if (escapedSlash !== -1 && escapedSlash < v1) return undefined;
  return find(method, path.slice(v1 + 3)).call;
}

/** The call that a route's config names; an item of it (`/models/gpt-4o`) keeps its id. */
export function callOfType(type: RouteType, method: string, path: string): Call {
  if (type === "passthrough") return passthrough;
  const seen = classify(method, path, false);
  if (type === "detect") return seen ?? passthrough;
  return seen?.operation === byType[type].operation ? seen : byType[type];
}

function classifyEnding(method: string, path: string, hasJsonBody: boolean, escapedSlash: number): Call | undefined {
  let endsKnown = false;
  for (let at = 0; at !== -1; at = path.indexOf("/", at + 1)) {
    if (escapedSlash !== -1 && escapedSlash < at) return undefined;
    const found = find(method, path.slice(at));
    if (found.call !== undefined) return found.call;
    endsKnown ||= found.known;
  }
  if (endsKnown || !hasJsonBody || method !== "POST" || escapedSlash !== -1) return undefined;
  // `/V1/threads` and `/v1` are no base of someone's own choice.
  return /\/v1(?:\/|$)/i.test(path) ? undefined : byType.completions;
}

/** `known`: an endpoint, though not one that takes this method. */
function find(method: string, suffix: string): { readonly call: Call | undefined; readonly known: boolean } {
  const entry = known.get(suffix);
  if (entry?.methods.includes(method) === true) return { call: entry.call, known: true };
  let seen = entry !== undefined;
  for (const item of items) {
    if (!fits(item, suffix)) continue;
    if (item.methods.includes(method)) return { call: callOn(item, suffix), known: true };
    seen = true;
  }
  return { call: undefined, known: seen };
}

function fits(item: ItemEndpoint, suffix: string): boolean {
  const end = suffix.length - item.after.length;
  if (end <= item.before.length || !suffix.startsWith(item.before) || !suffix.endsWith(item.after)) return false;
  if (item.idMayHoldSlashes === true) return !suffix.endsWith("/");
  const id = suffix.slice(item.before.length, end);
  return !id.includes("/") && !/%2f/i.test(id);
}

function callOn(endpoint: Endpoint, suffix: string): Call {
  return {
    operation: endpoint.operation,
    suffix,
    takesModel: endpoint.takesModel === true,
    streamsUsageOnRequest: endpoint.streamsUsageOnRequest === true,
  };
}
