/** Sources of the operator's own: which modules are named, and what can be said of a config before they are loaded. */
import { array, assert, constantFrom, property } from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import {
  configJsonSchema,
  ConfigErrors,
  type KeySourceSchema,
  parseConfig,
  type ParseOptions,
  readSecretSources,
  type SchemaParts,
} from "./index.ts";

const parts: SchemaParts = {
  sources: [
    { name: "file", schema: v.string() },
    { name: "inline", schema: v.string(), scalar: (text) => text },
  ],
  providers: [],
};
const options: ParseOptions = { ...parts, fileName: "config.yaml", lookup: () => undefined };
const unloaded: ParseOptions = { ...options, unloadedSources: true };

/** The key begins in line 8, column 16. */
const rest = (key: string) => `binds:
- port: 1
  listeners:
  - routes:
    - backends: [{ host: "a:1" }]
      policies:
        backendAuth:
          key: ${key}`;

function errorsIn(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    if (ConfigErrors.is(error)) return error.errors.map(({ summary }) => summary.split(": ", 2).join(": "));
    throw error;
  }
  return [];
}

const specifiersOf = (text: string, lookup: ParseOptions["lookup"] = () => undefined) =>
  readSecretSources(text, { fileName: "config.yaml", lookup }).specifiers;

describe("readSecretSources", () => {
  test("tells each module and its place, whatever else is wrong with the config", () => {
    const text = `binds: [{ prot: 1 }, $UNSET]\nllm: {}\nsecretSources: [./pass.mjs, "@acme/keybearer-vault"]`;
    const { specifiers, source } = readSecretSources(text, options);
    expect(specifiers).toEqual([
      { path: ["secretSources", 0], specifier: "./pass.mjs" },
      { path: ["secretSources", 1], specifier: "@acme/keybearer-vault" },
    ]);
    expect(source.locate(["secretSources", 1])).toMatchObject({ line: 3, column: 29 });
  });

  test("tells the same modules as parseConfig", () => {
    const text = `secretSources: [./a.mjs, b]\n${rest("x")}`;
    expect(specifiersOf(text)).toEqual(parseConfig(text, options).config.secretSources);
  });

  test("gives none where none are named", () => {
    for (const text of ["binds: []", "[]", "a", "secretSources: []", "secretsources: [./a.mjs]"]) {
      expect(specifiersOf(text), text).toEqual([]);
    }
  });

  test("follows variables, aliases and merged maps", () => {
    const aliased = "a: &a { secretSources: [$DIR/a.mjs, &b b] }\n<<: *a";
    const specifiers = [{ specifier: "/etc/a.mjs" }, { specifier: "b" }];
    expect(specifiersOf(aliased, () => "/etc")).toMatchObject(specifiers);
    expect(specifiersOf("a: &a [./a.mjs]\nsecretSources: *a")).toMatchObject([{ specifier: "./a.mjs" }]);
  });

  test("throws what is wrong with its list, and with that alone", () => {
    const read = (list: string) => errorsIn(() => specifiersOf(`unknown: $UNSET\nsecretSources: ${list}`));
    expect(read("[https://a.b/c.mjs, ./a.mjs, $UNSET]")).toEqual([
      "config.yaml:2:17: CONFIG_VALUE",
      "config.yaml:2:45: CONFIG_VARIABLE_UNSET",
    ]);
    expect(read("./a.mjs")).toEqual(["config.yaml:2:16: CONFIG_TYPE"]);
    expect(read("")).toEqual(["config.yaml:2:1: CONFIG_TYPE"]);
    expect(read("[./a.mjs]\nsecretSources: [./b.mjs]")).toEqual(["config.yaml:3:1: CONFIG_DUPLICATE_KEY"]);
  });

  test("throws for what is no YAML as parseConfig does", () => {
    for (const text of ["", "a: [", "a: 1\n--- 2", "[".repeat(200), new Uint8Array([0xff])]) {
      const errors = errorsIn(() => readSecretSources(text, options));
      expect(errors).not.toEqual([]);
      expect(errors).toEqual(errorsIn(() => parseConfig(text, options)));
    }
  });

  test("gives modules or errors for any pieces of YAML, never anything else", () => {
    const pieces = [
      "secretSources: ",
      "- ",
      "[",
      "]",
      "{",
      "}",
      ", ",
      "./a",
      "\n",
      "&a ",
      "*a",
      "<<: ",
      "$A",
      "'",
      "null",
    ];
    assert(
      property(array(constantFrom(...pieces), { maxLength: 20 }), (list) => {
        expect(() => errorsIn(() => specifiersOf(list.join("")))).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});

describe("a source that is not loaded", () => {
  const keyOf = (key: string, given = unloaded) =>
    parseConfig(rest(key), given).config.binds[0]?.listeners[0]?.routes[0]?.policies.backendAuth?.key;
  const path = ["binds", 0, "listeners", 0, "routes", 0, "policies", "backendAuth", "key"];

  test("is an unknown field, unless it is let pass; then its key is not checked", () => {
    expect(errorsIn(() => keyOf("{ vault: { path: a } }", options))).toEqual([
      "config.yaml:8:18: CONFIG_UNKNOWN_FIELD",
    ]);
    expect(keyOf("{ vault: { path: a, n: [1] } }")?.reference).toEqual({
      path: [...path, "vault"],
      source: "vault",
      ref: { path: "a", n: [1] },
      isUnchecked: true,
    });
  });

  test("may stand in value and in previous, beside all that a key has", () => {
    const key = keyOf(
      "{ value: { vault: 1 }, previous: { vault: null }, maxAge: 1d, location: { cookie: { name: c } } }",
    );
    expect(key?.reference).toEqual({ path: [...path, "value", "vault"], source: "vault", ref: 1, isUnchecked: true });
    expect(key?.previous).toMatchObject({ source: "vault", ref: null, isUnchecked: true });
    expect(key?.location).toEqual({ cookie: { name: "c" } });
  });

  test("does not change what is said of the others", () => {
    expect(keyOf("{ file: a }")?.reference).toEqual({ path: [...path, "file"], source: "file", ref: "a" });
    expect(errorsIn(() => keyOf("{ file: 1 }"))).toEqual(["config.yaml:8:24: CONFIG_TYPE"]);
    expect(errorsIn(() => keyOf("{}"))).toEqual(["config.yaml:8:16: CONFIG_MISSING_FIELD"]);
    expect(errorsIn(() => keyOf("{ vault: 1, file: a }"))).toEqual(["config.yaml:8:18: CONFIG_CONFLICT"]);
    expect(errorsIn(() => keyOf("{ vault: 1, value: a }"))).toEqual(["config.yaml:8:18: CONFIG_CONFLICT"]);
    expect(errorsIn(() => keyOf("{ vault: 1, location: { cookie: { name: c } } }"))).toEqual([
      "config.yaml:8:28: CONFIG_MISPLACED_FIELD",
    ]);
    expect(errorsIn(() => keyOf("{ value: { vault: 1, overlap: 1s } }"))).toEqual([
      "config.yaml:8:37: CONFIG_MISPLACED_FIELD",
    ]);
    const adminToken = `config: { adminToken: { vault: 1, location: {} } }\n${rest("a")}`;
    expect(errorsIn(() => parseConfig(adminToken, unloaded))).toEqual(["config.yaml:1:35: CONFIG_MISPLACED_FIELD"]);
  });

  test("once it is loaded has its word checked", () => {
    const vault: KeySourceSchema = { name: "vault", schema: v.strictObject({ path: v.string() }) };
    const loaded: ParseOptions = { ...unloaded, sources: [...parts.sources, vault] };
    expect(keyOf("{ vault: { path: a } }", loaded)?.reference).not.toHaveProperty("isUnchecked");
    expect(errorsIn(() => keyOf("{ vault: { path: 1 } }", loaded))).toEqual(["config.yaml:8:33: CONFIG_TYPE"]);
  });

  test("is let pass by the schema for editors if it is asked to", () => {
    const text = JSON.stringify(configJsonSchema({ ...parts, unloadedSources: true }));
    expect(text).not.toContain('"oneOf":[{"required":["file"]}');
    expect(JSON.stringify(configJsonSchema(parts))).toContain('"oneOf":[{"required":["file"]}');
  });
});
