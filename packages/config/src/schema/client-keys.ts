/** `apiKey:`, the keys with which callers identify themselves. Only their hashes are kept. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import type { Path } from "../errors.ts";
import type { ApiKeyPolicy } from "../policy-config.ts";
import { message } from "../problem.ts";
import { exactlyOne } from "./choice.ts";
import { buildLocation, locationSchema } from "./location.ts";
import { fields, may, must } from "./notes.ts";

const plainKey = v.pipe(
  v.string(({ input }) =>
    typeof input === "number" || typeof input === "boolean"
      ? message("CONFIG_TYPE", "a key is text; YAML reads this as another kind of value", "write it in quotes")
      : message("CONFIG_TYPE", "a caller's key is text: it cannot come from a source", "use $VARIABLE, or keyHash"),
  ),
  v.nonEmpty(message("CONFIG_VALUE", "a caller's key cannot be empty")),
  v.check(
    (text) => /^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(text),
    message("CONFIG_VALUE", "a key is printable ASCII without spaces around it"),
  ),
);

const keyHash = v.pipe(
  v.string(),
  v.check(
    (text) => /^sha256:[0-9a-f]{64}$/i.test(text),
    message("CONFIG_VALUE", "expected sha256: and 64 hex digits", "printf %s KEY | sha256sum"),
  ),
);

const clientKey = v.pipe(
  fields(
    {
      key: may(plainKey, "The key itself."),
      keyHash: may(keyHash, "Its hash: `sha256:` and 64 hex digits."),
      metadata: may(v.record(v.string(), v.unknown()), "What is known of the caller: for logs and policies."),
    },
    { notYet: ["allowedModels"], exactlyOne: ["key", "keyHash"] },
  ),
  exactlyOne(["key", "keyHash"]),
  v.transform(({ key, keyHash = "", metadata = {} }) => ({
    sha256: key === undefined ? keyHash.slice("sha256:".length).toLowerCase() : sha256(key),
    metadata,
  })),
);

const clientKeys = v.pipe(
  v.array(clientKey),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const seen = new Set<string>();
    for (const [index, { sha256 }] of dataset.value.entries()) {
      if (seen.has(sha256)) {
        const item = { type: "array" as const, origin: "value" as const, input: dataset.value, key: index, value: {} };
        addIssue({ message: message("CONFIG_DUPLICATE", "this key is there twice"), path: [item] });
      }
      seen.add(sha256);
    }
  }),
);

export const apiKeySchema = fields({
  mode: may(v.picklist(["strict", "optional", "permissive"]), "strict, the default: no request without a valid key."),
  location: may(locationSchema, "Where callers put their key; by default `Authorization: Bearer`."),
  keys: must(clientKeys, "The keys that are accepted."),
});

export function buildApiKey(given: v.InferOutput<typeof apiKeySchema>, path: Path): ApiKeyPolicy {
  return {
    path,
    mode: given.mode ?? "strict",
    location: buildLocation(given.location ?? { header: { name: "authorization", prefix: "Bearer " } }),
    keys: given.keys.map((key, index) => ({ path: [...path, "keys", index], ...key })),
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
