/** Policies that stand on routes alone: rewrite, timeouts, retries, a direct answer, CORS. */
import * as v from "valibot";
import { isHostname, parseTarget } from "../addresses.ts";
import type { Path } from "../errors.ts";
import type { CorsPolicy, DirectResponse, RetryPolicy, TimeoutPolicy, UrlRewrite } from "../policy-config.ts";
import { message } from "../problem.ts";
import { oneOf } from "./choice.ts";
import { buildHeaderFields, headerFields } from "./headers.ts";
import { fields, may, must, noted } from "./notes.ts";
import { duration, headerName, readText, timeout, urlPath, wholeNumber } from "./values.ts";
import { method } from "./match.ts";

const authority = readText(
  (text) => parseTarget(text) ?? (isHostname(text) ? text.toLowerCase() : undefined),
  "a host, with or without a port",
);
const host = readText((text) => (isHostname(text) ? text.toLowerCase() : undefined), "a host name without a port");

export const urlRewriteSchema = fields({
  authority: may(
    v.union([
      v.picklist(["auto", "none"]),
      oneOf({
        full: may(authority, "Host and port that the upstream is told."),
        host: may(host, "Host that the upstream is told; the port stays."),
        port: may(wholeNumber(1, 65_535), "Port that the upstream is told; the host stays."),
      }),
    ]),
    "What the upstream gets as Host. Never changes where a request goes.",
  ),
  path: may(
    oneOf({
      full: may(urlPath, "The whole new path."),
      prefix: may(urlPath, "What stands in place of the matched prefix."),
    }),
    "What the upstream gets as path.",
  ),
});

export const timeoutSchema = fields({
  requestTimeout: may(timeout, "From the head of the request until its answer begins."),
  backendRequestTimeout: may(timeout, "One call of the upstream."),
});

export const retrySchema = fields(
  {
    attempts: may(wholeNumber(1, 255), "How often a request is sent again; 1 by default."),
    backoff: may(duration, "How long to wait before each time; not at all by default."),
    codes: must(v.array(wholeNumber(400, 599)), "Statuses of answers that are asked for again."),
  },
  { notYet: ["precondition", "condition"] },
);

// agentgateway takes CEL here. A quoted string is the one expression that needs no CEL to read.
const literal = v.pipe(
  v.string(),
  v.check(
    (text) => /^(?:"[^"\\]*"|'[^'\\]*')$/.test(text),
    message(
      "CONFIG_NOT_SUPPORTED",
      "an expression is not supported yet here",
      `write a text in quotes of its own: '"text/plain"'`,
    ),
  ),
  v.transform((text) => text.slice(1, -1)),
);

const literalFields = v.pipe(v.record(v.string(), literal), headerFields);

export const directResponseSchema = fields(
  {
    status: must(wholeNumber(200, 599), "Status of the answer."),
    body: may(noted(v.string(), { fix: "write the body as text" }), "Text of the answer; empty by default."),
    headers: may(literalFields, "Headers of the answer, each a text in quotes of its own."),
  },
  { notYet: ["bodyExpression", "conditional"] },
);

const origin = v.pipe(
  v.string(),
  v.check(
    (text) => text === "*" || text === "null" || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text),
    message("CONFIG_VALUE", "expected an origin, or *", "write it like https://app.example.com: no / at the end"),
  ),
);
const starOr = <Schema extends v.GenericSchema<string, string>>(schema: Schema) => v.union([v.literal("*"), schema]);

export const corsSchema = fields({
  allowOrigins: may(v.array(origin), "Origins whose pages may call."),
  allowMethods: may(v.array(starOr(method)), "Methods that they may use."),
  allowHeaders: may(v.array(starOr(headerName)), "Headers that they may send."),
  exposeHeaders: may(v.array(starOr(headerName)), "Headers that they may read."),
  allowCredentials: may(v.boolean(), "Let browsers send cookies; false by default."),
  maxAge: may(duration, "How long a browser may remember this."),
});

export function buildUrlRewrite(given: v.InferOutput<typeof urlRewriteSchema> | undefined): UrlRewrite | undefined {
  if (given === undefined) return undefined;
  const { authority, path } = given;
  return {
    authority: authority === undefined || typeof authority === "string" ? authority : buildAuthority(authority),
    path: path && (path.full === undefined ? { prefix: path.prefix ?? "/" } : { full: path.full }),
  };
}

type GivenAuthority = { full?: string | undefined; host?: string | undefined; port?: number | undefined };

function buildAuthority({ full, host, port = 0 }: GivenAuthority): NonNullable<UrlRewrite["authority"]> {
  if (full !== undefined) return { full };
  return host === undefined ? { port } : { host };
}

type GivenTimeout = v.InferOutput<typeof timeoutSchema>;

export function buildTimeout(given: GivenTimeout | undefined, path: Path): TimeoutPolicy | undefined {
  if (given === undefined) return undefined;
  return { path, requestTimeoutMs: given.requestTimeout, backendRequestTimeoutMs: given.backendRequestTimeout };
}

type GivenRetry = v.InferOutput<typeof retrySchema>;

export function buildRetry(given: GivenRetry | undefined, path: Path): RetryPolicy | undefined {
  if (given === undefined) return undefined;
  return { path, attempts: given.attempts ?? 1, backoffMs: given.backoff ?? 0, codes: given.codes };
}

type GivenDirectResponse = v.InferOutput<typeof directResponseSchema>;

export function buildDirectResponse(given: GivenDirectResponse | undefined, path: Path): DirectResponse | undefined {
  if (given === undefined) return undefined;
  const { status, body = "", headers = {} } = given;
  return { path, status, body, headers: buildHeaderFields(headers) };
}

export function buildCors(given: v.InferOutput<typeof corsSchema> | undefined, path: Path): CorsPolicy | undefined {
  if (given === undefined) return undefined;
  return {
    path,
    allowOrigins: given.allowOrigins ?? [],
    allowMethods: given.allowMethods ?? [],
    allowHeaders: given.allowHeaders ?? [],
    exposeHeaders: given.exposeHeaders ?? [],
    allowCredentials: given.allowCredentials ?? false,
    maxAgeMs: given.maxAge,
  };
}
