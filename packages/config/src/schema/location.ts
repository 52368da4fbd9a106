/** Where a credential stands in a request: a header, a query parameter, a cookie. */
import * as v from "valibot";
import type { Location } from "../key-config.ts";
import { message } from "../problem.ts";
import { oneOf } from "./choice.ts";
import { fields, may, must } from "./notes.ts";
import { headerName, nonEmptyText, prefix, token } from "./values.ts";

/** Headers that address or frame a message: a credential in one of them would be sent elsewhere, or not be sent. */
const framing = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

const credentialHeader = v.pipe(
  headerName,
  v.check(
    (name) => !framing.has(name),
    message("CONFIG_VALUE", "no credential can stand in this header: it addresses or frames the message"),
  ),
);

export const locationSchema = oneOf(
  {
    header: may(
      fields({
        name: must(credentialHeader, "Name of the header."),
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
