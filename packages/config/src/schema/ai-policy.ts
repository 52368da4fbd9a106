/** `ai:` among the policies: which call a path is, and whether usage is asked for. */
import * as v from "valibot";
import type { Path } from "../errors.ts";
import type { AiPolicy } from "../policy-config.ts";
import { message } from "../problem.ts";
import { fields, may, noted } from "./notes.ts";
import { aiPolicyNotYet, aiRouteTypesNotYet } from "./unsupported.ts";

const routeType = noted(v.picklist(["completions", "responses", "embeddings", "models", "passthrough", "detect"]), {
  notYet: aiRouteTypesNotYet,
});

const suffix = v.pipe(
  v.string(),
  v.check(
    (text) => text !== "" && (text === "*" || !text.includes("*")),
    message("CONFIG_VALUE", "expected the end of a path, or * for the rest", "write it like /v1/chat/completions"),
  ),
);

export const aiPolicySchema = fields(
  {
    routes: may(v.record(suffix, routeType), "End of a path to the call that it is; the longest that fits counts."),
    includeUsage: may(v.boolean(), "Ask for usage when a stream's caller did not; true by default."),
  },
  { notYet: aiPolicyNotYet },
);

export function buildAiPolicy(
  given: v.InferOutput<typeof aiPolicySchema> | undefined,
  path: Path,
): AiPolicy | undefined {
  return given === undefined ? undefined : { path, routes: given.routes, includeUsage: given.includeUsage };
}
