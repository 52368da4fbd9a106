/** What a request must look like for a route: path, method, headers, query. */
import * as v from "valibot";
import type { RouteMatch } from "../config.ts";
import { message } from "../problem.ts";
import { oneOf } from "./choice.ts";
import { fields, may, must } from "./notes.ts";
import { headerName, isToken, nonEmptyText, regex, urlPath } from "./values.ts";

const pathMatch = oneOf({
  exact: may(urlPath, "The whole path."),
  pathPrefix: may(urlPath, "The beginning of the path, up to a /."),
  regex: may(regex, "RE2 expression that the whole path matches."),
});

const valueMatch = oneOf({
  exact: may(v.string(), "The whole value."),
  regex: may(regex, "RE2 expression that the whole value matches."),
});

const standardMethods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

export const method = v.pipe(
  v.string(),
  v.check(isToken, message("CONFIG_VALUE", "expected a method", `write it like ${standardMethods.join(", ")}`)),
  v.check(
    (text) => standardMethods.includes(text) || !standardMethods.includes(text.toUpperCase()),
    message("CONFIG_VALUE", "methods are written in capitals", "a method has case: get is not GET"),
  ),
);

const matchedHeaderName = v.pipe(
  v.string(),
  v.check(
    (text) => !text.startsWith(":"),
    message("CONFIG_NOT_SUPPORTED", "a match on a pseudo-header is not supported yet", "use method, path or hostnames"),
  ),
  v.transform((text) => text.replace(/^:/, "")),
  headerName,
);

export const matchSchema = fields({
  path: may(pathMatch, "Every path by default."),
  method: may(method, "Every method by default."),
  headers: may(
    v.array(
      fields({ name: must(matchedHeaderName, "Name of the header."), value: must(valueMatch, "What it must hold.") }),
    ),
    "All of these headers must match.",
  ),
  query: may(
    v.array(
      fields({ name: must(nonEmptyText, "Name of the parameter."), value: must(valueMatch, "What it must hold.") }),
    ),
    "All of these query parameters must match.",
  ),
});

type Match = v.InferOutput<typeof matchSchema>;

export function buildMatch(match: Match): RouteMatch {
  return {
    path: match.path === undefined ? { pathPrefix: "/" } : buildPath(match.path),
    method: match.method,
    headers: (match.headers ?? []).map(({ name, value }) => ({ name, value: buildValue(value) })),
    query: (match.query ?? []).map(({ name, value }) => ({ name, value: buildValue(value) })),
  };
}

function buildPath({ exact, pathPrefix, regex = "" }: v.InferOutput<typeof pathMatch>): RouteMatch["path"] {
  if (exact !== undefined) return { exact };
  return pathPrefix === undefined ? { regex } : { pathPrefix };
}

function buildValue({ exact, regex = "" }: v.InferOutput<typeof valueMatch>) {
  return exact === undefined ? { regex } : { exact };
}
