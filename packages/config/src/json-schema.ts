/** The config as a JSON Schema (draft-07) for editors, made from the schemas that validate it. */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { notesOf } from "./schema/notes.ts";
import { rootSchema, type SchemaParts } from "./schema/root.ts";

type JsonSchema = ReturnType<typeof toJsonSchema>;

/** What a source of another library takes below its word is left open. */
export function configJsonSchema(parts: SchemaParts): Readonly<Record<string, unknown>> {
  const schema = toJsonSchema(rootSchema(parts), {
    target: "draft-07",
    typeMode: "input",
    // Checks in code have no counterpart; what they refuse, an editor lets pass and the gateway names.
    errorMode: "ignore",
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      "entries" in valibotSchema ? closedObject(jsonSchema, valibotSchema) : undefined,
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === "metadata" ? withNotes(jsonSchema, valibotAction) : undefined,
  });
  return { ...schema, title: "Keybearer config" };
}

/** The description of a field that is transformed stands behind the transformation, where the conversion has stopped. */
function closedObject(jsonSchema: JsonSchema, schema: { type: string; entries: unknown }): JsonSchema {
  const properties = { ...jsonSchema.properties };
  for (const [name, entry] of Object.entries(schema.entries ?? {})) {
    const property = properties[name];
    const description = descriptionOf(entry);
    if (typeof property === "object" && description !== undefined) properties[name] = { ...property, description };
  }
  const isClosed = schema.type === "object" || schema.type === "strict_object";
  return { ...jsonSchema, properties, ...(isClosed ? { additionalProperties: false } : {}) };
}

function descriptionOf(entry: v.GenericSchema & { readonly wrapped?: v.GenericSchema }): string | undefined {
  return v.getDescription(entry) ?? (entry.wrapped && v.getDescription(entry.wrapped));
}

function withNotes(jsonSchema: JsonSchema, action: unknown): JsonSchema {
  const rest = Object.fromEntries(Object.entries(jsonSchema).filter(([name]) => name !== "keybearer"));
  const names = notesOf([action]).exactlyOne;
  return names === undefined ? rest : { ...rest, oneOf: names.map((name) => ({ required: [name] })) };
}
