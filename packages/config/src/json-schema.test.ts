/** The schema for editors says what the gateway takes. */
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { configJsonSchema } from "./index.ts";

const schema = configJsonSchema({
  sources: [
    { name: "file", schema: v.pipe(v.string(), v.description("Path of a file with one line.")) },
    { name: "vault", schema: { "~standard": { version: 1, vendor: "other", validate: (value) => ({ value }) } } },
  ],
  providers: [
    { name: "openAI", schema: v.strictObject({ model: v.optional(v.pipe(v.string(), v.description("A model."))) }) },
  ],
});

type Bag = Readonly<Record<string, unknown>>;

/** Every schema in the schema, with its path. */
function* walk(value: unknown, path = ""): Generator<[string, Bag]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* walk(item, `${path}/${index}`);
  } else if (typeof value === "object" && value !== null) {
    const bag = value as Bag;
    yield [path, bag];
    for (const [name, item] of Object.entries(bag)) yield* walk(item, `${path}/${name}`);
  }
}

const maps = [...walk(schema)].filter(([, bag]) => bag["type"] === "object" && "properties" in bag);
const properties = maps.flatMap(([path, bag]) =>
  Object.entries(bag["properties"] as Bag).map(([name, property]) => [`${path}/${name}`, property as Bag] as const),
);

describe("the JSON Schema", () => {
  test("is draft-07 and survives JSON", () => {
    expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#");
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  test("lets no unknown field pass", () => {
    expect(maps.length).toBeGreaterThan(30);
    expect(maps.filter(([, bag]) => bag["additionalProperties"] !== false).map(([path]) => path)).toEqual([]);
  });

  test("has a sentence for every field", () => {
    expect(properties.filter(([, bag]) => typeof bag["description"] !== "string").map(([path]) => path)).toEqual([]);
  });

  test("has the words of sources and providers, with what they say of themselves", () => {
    const at = (end: string) => properties.find(([path]) => path.endsWith(end))?.[1];
    expect(at("backendAuth/properties/key/anyOf/1/file")).toMatchObject({
      type: "string",
      description: "Path of a file with one line.",
    });
    expect(at("backendAuth/properties/key/anyOf/1/vault")).toEqual({ description: "From the source `vault`." });
    expect(at("provider/openAI")).toMatchObject({ type: "object", additionalProperties: false });
  });

  test("asks for exactly one where one of several is chosen", () => {
    const [, items] = maps.find(([path]) => path.endsWith("backends/items"))!;
    expect(items["oneOf"]).toEqual([{ required: ["ai"] }, { required: ["host"] }]);
  });
});
