/** Where a credential stands in a request: a header, a query parameter, a cookie. */
import type * as v from "valibot";
import type { Location } from "../config.ts";
import { oneOf } from "./choice.ts";
import { fields, may, must } from "./notes.ts";
import { headerName, nonEmptyText, prefix, token } from "./values.ts";

export const locationSchema = oneOf(
  {
    header: may(
      fields({
        name: must(headerName, "Name of the header."),
        prefix: may(prefix, "What stands before the credential: `Bearer `."),
      }),
      "A header.",
    ),
    queryParameter: may(fields({ name: must(nonEmptyText, "Name of the parameter.") }), "A query parameter."),
    cookie: may(fields({ name: must(token, "Name of the cookie.") }), "A cookie."),
  },
  { notYet: ["expression"] },
);

export function buildLocation(given: v.InferOutput<typeof locationSchema>): Location {
  const { header, queryParameter, cookie } = given;
  if (header !== undefined) return { header: { name: header.name, prefix: header.prefix } };
  if (queryParameter !== undefined) return { queryParameter: { name: queryParameter.name } };
  return { cookie: { name: cookie?.name ?? "" } };
}

export function buildOptionalLocation(given: v.InferOutput<typeof locationSchema> | undefined): Location | undefined {
  return given === undefined ? undefined : buildLocation(given);
}
