import { describe, expect, test } from "vitest";
import { defineSecretSource, SecretError, type StandardSchemaV1 } from "../index.ts";
import { testSecretSource, type SecretPlace } from "./index.ts";

/** A schema written by hand: no library is needed to bring a source. */
const entrySchema: StandardSchemaV1<unknown, { entry: string }> = {
  "~standard": {
    version: 1,
    vendor: "made-up",
    validate: (value) =>
      typeof value === "object" && value !== null && "entry" in value && typeof value.entry === "string"
        ? { value: { entry: value.entry } }
        : { issues: [{ message: "expected { entry: NAME }" }] },
  },
};

function storeWith(entries: Map<string, string>) {
  return defineSecretSource({
    name: "pass",
    schema: entrySchema,
    ttl: "10m",
    fetch: ({ entry }) => {
      const value = entries.get(entry);
      if (value === undefined) throw new SecretError("SECRET_NOT_FOUND", "pass", `there is no entry ${entry}`);
      return value;
    },
  });
}

describe("a made-up source", () => {
  const entries = new Map<string, string>();
  let count = 0;
  testSecretSource({
    test,
    source: storeWith(entries),
    changes: true,
    place: (text): SecretPlace => {
      const entry = `key-${(count += 1)}`;
      entries.set(entry, text);
      return {
        ref: { entry },
        write: (next) => void entries.set(entry, next),
        remove: () => void entries.delete(entry),
      };
    },
  });
});

test("the suite finds a source that shows its key in an error", async () => {
  const failed: string[] = [];
  const runs: Promise<void>[] = [];
  const entries = new Map([["key", ""]]);
  testSecretSource({
    test: (name, run) => runs.push(run().catch(() => void failed.push(name))),
    source: {
      name: "leaky",
      schema: entrySchema,
      open: async (_ref, context) => {
        const text = entries.get("key") ?? "";
        try {
          context.seal(text);
        } catch {
          throw new SecretError("SECRET_MALFORMED", "leaky", `not a key: ${text}`);
        }
        return storeWith(entries).open({ entry: "key" }, context);
      },
    },
    changes: false,
    place: (text) => {
      entries.set("key", text);
      return { ref: { entry: "key" } };
    },
  });
  await Promise.all(runs);
  expect(failed).toContain("refuses two lines, and does not show it");
});
