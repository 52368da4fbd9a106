/** What kind of value something is, in a person's words. */

export type Kind = "a map" | "a list" | "a scalar";

export function kindOf(value: unknown): Kind {
  if (Array.isArray(value)) return "a list";
  return isMap(value) ? "a map" : "a scalar";
}

const kinds: Readonly<Record<string, string>> = { string: "text", number: "a number", boolean: "true or false" };

export function describeKind(value: unknown): string {
  return value === null ? "nothing" : (kinds[typeof value] ?? kindOf(value));
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
