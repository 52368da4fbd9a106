/** `backendAuth:`, which key a backend gets and where it goes. */
import * as v from "valibot";
import type { BackendAuth } from "../config.ts";
import type { Path } from "../errors.ts";
import { message } from "../problem.ts";
import { fieldPath } from "./choice.ts";
import { buildKey, buildReference, type keySchemas } from "./key.ts";
import { buildLocation, buildOptionalLocation, locationSchema } from "./location.ts";
import { fields, may, must } from "./notes.ts";
import { backendAuthNotYet } from "./unsupported.ts";

const valueForm = "write key: { value: ..., location: ... }, the key or its source in value";

export function authSchema({ key, reference }: ReturnType<typeof keySchemas>) {
  const passthrough = fields(
    {
      from: may(locationSchema, "The one place where the caller's token is taken from."),
      location: may(locationSchema, "Where the token goes; by default where the provider wants it."),
    },
    { fix: "write passthrough: {}" },
  );
  const credential = fields({
    location: must(locationSchema, "Where this key goes."),
    key: must(reference, "The key, or where it is to be had."),
  });
  const entries = {
    key: may(key, "The provider's key, or where it is to be had."),
    passthrough: may(passthrough, "The caller's own token is sent on."),
    credentials: may(
      v.pipe(v.array(credential), v.nonEmpty(message("CONFIG_VALUE", "this list is empty"))),
      "Further keys, each at its own place.",
    ),
    allowCleartext: may(v.boolean(), "Let the key go without TLS to a host that is not private; false by default."),
  };
  const fix = "write backendAuth: { key: ... } or backendAuth: { passthrough: {} }";
  const notes = { notYet: backendAuthNotYet, misplaced: { location: valueForm }, fix };
  const map = fields(entries, notes);
  return v.pipe(
    map,
    v.rawCheck<v.InferOutput<typeof map>>(({ dataset, addIssue }) => {
      const given: unknown = dataset.value;
      if (typeof given !== "object" || given === null) return;
      if (!("key" in given) && !("passthrough" in given) && !("credentials" in given)) {
        addIssue({ message: message("CONFIG_MISSING_FIELD", "expected one of key, passthrough, credentials", fix) });
      }
      if ("key" in given && "passthrough" in given) {
        const text = message("CONFIG_CONFLICT", "'passthrough' stands beside 'key'", "keep one of key, passthrough");
        addIssue({ message: text, path: fieldPath("passthrough") });
      }
      if (dataset.typed && dataset.value.credentials !== undefined && dataset.value.key?.isBare === true) {
        const mend = "write key: { value: ... } beside credentials, the key or its source in value";
        const text = message("CONFIG_MISPLACED_FIELD", "'credentials' has no effect beside a key in this form", mend);
        addIssue({ message: text, path: fieldPath("credentials") });
      }
    }),
  );
}

export function buildAuth(given: v.InferOutput<ReturnType<typeof authSchema>>, path: Path): BackendAuth {
  const { key, passthrough, credentials = [], allowCleartext = false } = given;
  return {
    path,
    key: key === undefined ? undefined : buildKey(key, [...path, "key"]),
    passthrough: passthrough && {
      path: [...path, "passthrough"],
      from: buildOptionalLocation(passthrough.from),
      location: buildOptionalLocation(passthrough.location),
    },
    credentials: credentials.map((credential, index) => {
      const here = [...path, "credentials", index];
      const reference = buildReference(credential.key, [...here, "key"]);
      return { path: here, reference, location: buildLocation(credential.location) };
    }),
    allowCleartext,
  };
}
