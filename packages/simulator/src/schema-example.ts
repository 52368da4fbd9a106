/** One value that fits a JSON Schema, for the arguments of a tool call: always the same for the same schema. */
import { asArray, asObject, asString, type JsonObject } from "./json.ts";

const DEPTH_LIMIT = 8;

export function schemaExample(schema: unknown, name = "value", depth = 0): unknown {
  const node = asObject(schema);
  if (node === undefined || depth > DEPTH_LIMIT) return null;
  if ("const" in node) return node["const"];
  if ("default" in node) return node["default"];
  const [first] = [...asArray(node["enum"]), ...asArray(node["examples"])];
  if (first !== undefined) return first;
  const [alternative] = [...asArray(node["anyOf"]), ...asArray(node["oneOf"]), ...asArray(node["allOf"])];
  if (alternative !== undefined) return schemaExample(alternative, name, depth + 1);
  return exampleOfType(node, name, depth);
}

function exampleOfType(node: JsonObject, name: string, depth: number): unknown {
  const guess = "properties" in node ? "object" : "string";
  const type = asString([node["type"]].flat().find((word) => word !== "null")) ?? guess;
  switch (type) {
    case "object":
      return Object.fromEntries(
        Object.entries(asObject(node["properties"]) ?? {}).map(([key, value]) => [
          key,
          schemaExample(value, key, depth + 1),
        ]),
      );
    case "array":
      return [schemaExample(node["items"], name, depth + 1)];
    case "number":
    case "integer":
      return typeof node["minimum"] === "number" ? node["minimum"] : 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return `simulated ${name}`;
  }
}
