/** Every place where a key may stand: its text reaches its source as it is written, and no frame shows it. */
import { hasVariables } from "@keybearer/interpolate";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type Config, ConfigErrors, parseConfig, type ParseOptions } from "./index.ts";

const options: ParseOptions = {
  fileName: "config.yaml",
  lookup: () => "never-this",
  sources: [
    { name: "env", schema: v.string(), scalar: (text) => (hasVariables(text) ? text : undefined) },
    { name: "inline", schema: v.string(), scalar: (text) => text },
  ],
  providers: [{ name: "openAI", schema: v.strictObject({}) }],
};

const parse = (text: string): Config => parseConfig(text, options).config;

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (ConfigErrors.is(error)) return error.format();
    throw error;
  }
  throw new Error("the config was accepted");
}

const config = (backend: string, policies = "{}", settings = "{}") => `config: ${settings}
binds:
- port: 1
  listeners:
  - routes:
    - policies: ${policies}
      backends: [${backend}]`;

const host = `{ host: "a:1" }`;
const provider = "provider: { openAI: {} }";

/** Where a backendAuth may stand. */
const levels = new Map([
  ["route", (auth: string) => config(host, `{ backendAuth: ${auth} }`)],
  ["backend", (auth: string) => config(`{ host: "a:1", policies: { backendAuth: ${auth} } }`)],
  ["provider", (auth: string) => config(`{ ai: { ${provider}, policies: { backendAuth: ${auth} } } }`)],
  [
    "provider of a group",
    (auth: string) =>
      config(`{ ai: { groups: [{ providers: [{ name: a, ${provider}, policies: { backendAuth: ${auth} } }] }] } }`),
  ],
]);

/** Where a key may stand in a backendAuth. */
const places = new Map([
  ["key", (key: string) => `{ key: ${key} }`],
  ["keys[].key", (key: string) => `{ keys: [{ key: other }, { name: a, key: ${key} }] }`],
  ["passthrough.otherwise.key", (key: string) => `{ passthrough: { otherwise: { key: ${key} } } }`],
  ["passthrough.otherwise.keys[].key", (key: string) => `{ passthrough: { otherwise: { keys: [{ key: ${key} }] } } }`],
  ["credentials[].key", (key: string) => `{ credentials: [{ key: ${key}, location: { cookie: { name: c } } }] }`],
]);

/** How a text may be a key there. */
const forms = new Map([
  ["alone", (text: string) => text],
  ["in value", (text: string) => `{ value: ${text} }`],
  ["as previous", (text: string) => `{ value: other, previous: ${text} }`],
]);

const everywhere = [...levels].flatMap(([level, atLevel]) =>
  [...places].flatMap(([place, atPlace]) =>
    [...forms].map(([form, inForm]) => {
      const write = (text: string) => atLevel(atPlace(inForm(text)));
      return { name: `${place} ${form}, at a ${level}`, write };
    }),
  ),
);
const adminToken = {
  name: "config.adminToken",
  write: (text: string) => config(host, "{}", `{ adminToken: ${text} }`),
};
const all = [...everywhere, adminToken];

/** References below a value. */
function refsIn(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "source" in value && "ref" in value ? [value.ref] : [];
  return [...own, ...Object.values(value).flatMap(refsIn)];
}

describe("a key", () => {
  test.each(all)("that is a bare string is not expanded: $name", ({ write }) => {
    expect(refsIn(parse(write("'$NAME'")))).toContain("$NAME");
  });

  test.each(all)("below a source's word is expanded: $name", ({ write }) => {
    expect(refsIn(parse(write("{ env: '$NAME' }")))).toContain("never-this");
  });

  test.each(all)("whose variable is never closed is an error at its place: $name", ({ write }) => {
    expect(refusal(write("'${NAME'"))).toContain("CONFIG_VARIABLE_SYNTAX");
  });

  const secret = "Zq9-hunter2";
  const mistakes: readonly [string, (write: (text: string) => string) => string][] = [
    ["beside an unknown field", (write) => `${write(secret)}\nunknown: 1`],
    ["below a source's word", (write) => write(`{ inline: ${secret}, x: 1 }`)],
    ["below an unknown word", (write) => write(`{ unknown: ${secret} }`)],
    ["deep below an unknown word", (write) => write(`{ unknown: { name: a, id: [${secret}] } }`)],
    ["in a list", (write) => write(`[${secret}]`)],
    ["as a default of a variable", (write) => `${write(`"\${NAME:-${secret}}"`)}\nunknown: 1`],
    ["in a file that is no YAML", (write) => `${write(secret)}\n  }`],
    ["in a file that ends too early", (write) => write(secret).slice(0, write(secret).lastIndexOf(secret) + 11)],
  ];
  test.each(mistakes)("%s is shown at no place", (_, mistake) => {
    for (const { write } of all) {
      const text = mistake(write);
      expect(text).toContain(secret);
      // The line itself is drawn: the error stands on it, or the one after it.
      expect(refusal(text), text).not.toContain(secret);
    }
  });

  test("in block style is masked as well, its neighbours are not", () => {
    const shown = refusal(`config:
  adminToken: ${secret}
  x: 1
binds:
- port: 1
  listeners:
  - routes:
    - backends: []
      policies:
        backendAuth:
          keys:
          - key:
              value: ${secret}
              overlap: 5x
          - key:
              value: other
              previous: ${secret}
              maxAge: 5x
          - key: ${secret}
            weight: heavy
          - scope: team-a
            name: a b`);
    expect(shown).not.toContain(secret);
    for (const told of ["5x", "heavy", "team-a", "a b"]) expect(shown).toContain(told);
  });
});

test("a policy comes from the key, else from secretDefaults, else from what is built in", () => {
  const policies = `{ backendAuth: { keys: [{ key: a }, { key: { value: b, maxAge: 2d, overlap: 0s, startup: fail } }] } }`;
  const policyOf = (defaults: string) => {
    const { pool } = parse(`${config(host, policies)}\nsecretDefaults: ${defaults}`).binds[0]?.listeners[0]?.routes[0]
      ?.policies.backendAuth ?? { pool: undefined };
    return pool?.keys.map(({ policy }) => policy);
  };
  const builtIn = { startup: "fail", startupTimeoutMs: 60_000, overlapMs: 600_000 };
  const own = { maxAgeMs: 172_800_000, overlapMs: 0, startup: "fail" };
  expect(policyOf("{}")).toEqual([builtIn, { ...builtIn, ...own }]);
  const given = { startup: "wait", startupTimeoutMs: 1_000, maxStaleMs: 2_000, maxAgeMs: 3_000, overlapMs: 4_000 };
  const text = "{ startup: wait, startupTimeout: 1s, maxStale: 2s, maxAge: 3s, overlap: 4s }";
  expect(policyOf(text)).toEqual([given, { ...given, ...own }]);
});

test.each([
  ["0", 0],
  ["1024", 1024],
  ["'1024'", 1024],
  ["256MiB", 268_435_456],
  ["1.5 GiB", 1_610_612_736],
  ["10kB", 10_000],
  ["1024GiB", 2 ** 40],
])("a replay budget of %s is %i bytes", (text, bytes) => {
  expect(parse(config(host, "{}", `{ replayBudget: ${text} }`)).config.replayBudgetBytes).toBe(bytes);
});

test.each(["-1", "1.5", "1025GiB", "5MIB", "5 M", "MiB", "true"])("a replay budget of %s is refused", (text) => {
  expect(refusal(config(host, "{}", `{ replayBudget: ${text} }`))).toContain("write bytes, or a unit");
});
