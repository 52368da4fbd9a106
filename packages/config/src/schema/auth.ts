/** `backendAuth:`, which key a backend gets and where it goes. */
import * as v from "valibot";
import type { BackendAuth, Credential, KeyPolicy, Passthrough } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { isMap } from "../kind.ts";
import { message } from "../problem.ts";
import { atMostOne, exactlyOne, fieldPath } from "./choice.ts";
import { buildKey, type KeySchemas } from "./key.ts";
import { buildLocation, buildOptionalLocation, locationSchema } from "./location.ts";
import { fields, may, must } from "./notes.ts";
import { besideKeys, buildPool, poolEntries } from "./pool.ts";
import { backendAuthNotYet } from "./unsupported.ts";

const keyHint = "The provider's key, or where it is to be had.";
const fix = "write backendAuth: { key: ... } or backendAuth: { passthrough: {} }";

export function authSchema(schemas: KeySchemas) {
  const pool = poolEntries(schemas);
  const key = may(schemas.key, keyHint);
  const credential = fields({
    location: must(locationSchema, "Where this key goes."),
    key: must(schemas.unplaced, "The key, or where it is to be had."),
  });
  const entries = {
    key,
    ...pool,
    passthrough: may(passthroughSchema({ key, ...pool }), "The caller's own token is sent on."),
    credentials: may(
      v.pipe(v.array(credential), v.nonEmpty(message("CONFIG_VALUE", "this list is empty"))),
      "Further keys, each at its own place.",
    ),
    allowCleartext: may(v.boolean(), "Let the key go without TLS to a host that is not private; false by default."),
  };
  return v.pipe(
    fields(entries, { notYet: backendAuthNotYet, fix }),
    notEmpty(),
    atMostOne(["key", "keys", "passthrough"]),
    besideKeys(),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed || dataset.value.credentials === undefined || dataset.value.key?.isBare !== true) return;
      const instead = "write key: { value: ... } beside credentials, the key or its source in value";
      const text = message("CONFIG_MISPLACED_FIELD", "'credentials' has no effect beside a key in this form", instead);
      addIssue({ message: text, path: fieldPath("credentials") });
    }),
  );
}

type KeyEntries = ReturnType<typeof poolEntries> & { readonly key: v.OptionalSchema<KeySchemas["key"], undefined> };

function passthroughSchema(entries: KeyEntries) {
  const names = ["key", "keys"];
  const otherwise = v.pipe(
    fields(entries, { exactlyOne: names, fix: "write otherwise: { key: ... }" }),
    exactlyOne(names),
    besideKeys(),
  );
  return fields(
    {
      from: may(locationSchema, "The one place where the caller's token is taken from."),
      location: may(locationSchema, "Where the token goes; by default where the provider wants it."),
      otherwise: may(otherwise, "The key for a caller who sent no token."),
    },
    { fix: "write passthrough: {}" },
  );
}

function notEmpty<Output extends object>() {
  const names = ["key", "keys", "passthrough", "credentials"];
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const given: unknown = dataset.value;
    if (!isMap(given) || names.some((name) => Object.hasOwn(given, name))) return;
    addIssue({ message: message("CONFIG_MISSING_FIELD", `expected one of ${names.join(", ")}`, fix) });
  });
}

type Given = v.InferOutput<ReturnType<typeof authSchema>>;

export function buildAuth(given: Given, path: Path, defaults: KeyPolicy): BackendAuth {
  const { key, passthrough, credentials = [], allowCleartext = false } = given;
  return {
    path,
    key: key && buildKey(key, [...path, "key"], defaults),
    pool: buildPool(given, path, defaults),
    passthrough: passthrough && buildPassthrough(passthrough, [...path, "passthrough"], defaults),
    credentials: credentials.map((credential, index): Credential => {
      const here = [...path, "credentials", index];
      const built = buildKey(credential.key, [...here, "key"], defaults);
      return { ...built, path: here, location: buildLocation(credential.location) };
    }),
    allowCleartext,
  };
}

function buildPassthrough(given: NonNullable<Given["passthrough"]>, path: Path, defaults: KeyPolicy): Passthrough {
  const { from, location, otherwise } = given;
  const here = [...path, "otherwise"];
  return {
    path,
    from: buildOptionalLocation(from),
    location: buildOptionalLocation(location),
    otherwise: otherwise && {
      path: here,
      key: otherwise.key && buildKey(otherwise.key, [...here, "key"], defaults),
      pool: buildPool(otherwise, here, defaults),
    },
  };
}
