/** All endpoints, and which of them a method and path mean. */
import type { Endpoint } from "./endpoint.ts";
import { audio } from "./endpoints/audio.ts";
import { batches } from "./endpoints/batches.ts";
import { chatCompletions } from "./endpoints/chat-completions.ts";
import { completions } from "./endpoints/completions.ts";
import { embeddings } from "./endpoints/embeddings.ts";
import { files } from "./endpoints/files.ts";
import { images } from "./endpoints/images.ts";
import { models } from "./endpoints/models.ts";
import { moderations } from "./endpoints/moderations.ts";
import { responses } from "./endpoints/responses.ts";
import { errorReply } from "./openai-error.ts";
import type { Reply } from "./reply.ts";

const ENDPOINTS: readonly Endpoint[] = [
  chatCompletions,
  ...responses,
  completions,
  embeddings,
  ...models,
  moderations,
  ...images,
  ...audio,
  ...files,
  ...batches,
];

const PARTS = ENDPOINTS.map((endpoint) => ({ endpoint, segments: endpoint.path.split("/") }));

export type RouteMatch =
  | { readonly endpoint: Endpoint; readonly params: Record<string, string>; readonly refusal?: undefined }
  | { readonly endpoint?: undefined; readonly refusal: Reply };

export function findRoute(method: string, path: string, basePaths: readonly string[]): RouteMatch {
  let pathExists = false;
  for (const base of basePaths) {
    if (!path.startsWith(`${base}/`)) continue;
    const segments = path.slice(base.length).split("/");
    for (const part of PARTS) {
      const params = matchSegments(part.segments, segments);
      if (params === undefined) continue;
      if (part.endpoint.method === method) return { endpoint: part.endpoint, params };
      pathExists = true;
    }
  }
  if (!pathExists) return { refusal: errorReply(404, { message: `Invalid URL (${method} ${path})` }) };
  const message = `Not allowed to ${method} on ${path} (HINT: Perhaps you meant to make a different HTTP request?)`;
  return { refusal: errorReply(405, { message, code: "method_not_supported" }) };
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith("{") && segment !== "") params[part.slice(1, -1)] = decoded(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
