/** What a config may hold and what it can do to us: sources from outside, variables, hostile files. */
import { hasVariables } from "@keybearer/interpolate";
import { array, assert, constantFrom, property, string, uint8Array } from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type BackendAuth, ConfigErrors, type KeySourceSchema, parseConfig, type ParseOptions } from "./index.ts";

const env: KeySourceSchema = {
  name: "env",
  schema: v.string(),
  scalar: (text) => (hasVariables(text) ? text : undefined),
};
const inline: KeySourceSchema = { name: "inline", schema: v.string(), scalar: (text) => text };

function parse(text: string | Uint8Array, options: Partial<ParseOptions> = {}) {
  return parseConfig(text, {
    fileName: "config.yaml",
    lookup: () => undefined,
    sources: [env, inline],
    providers: [{ name: "openAI", schema: v.strictObject({ model: v.optional(v.string()) }) }],
    ...options,
  });
}

function errorsOf(text: string | Uint8Array, options: Partial<ParseOptions> = {}): ConfigErrors {
  try {
    parse(text, options);
  } catch (error) {
    if (ConfigErrors.is(error)) return error;
    throw error;
  }
  throw new Error("the config was accepted");
}

function codesOf(text: string | Uint8Array, options: Partial<ParseOptions> = {}): string[] {
  return errorsOf(text, options).errors.map(({ code }) => code);
}

function withAuth(backendAuth: string): string {
  return `binds: [{ port: 1, listeners: [{ routes: [{ backends: [{ host: "a:1" }], policies: { backendAuth: ${backendAuth} } }] }] }]`;
}

function authOf(backendAuth: string, options: Partial<ParseOptions> = {}): BackendAuth {
  const auth = parse(withAuth(backendAuth), options).config.binds[0]?.listeners[0]?.routes[0]?.policies.backendAuth;
  if (auth === undefined) throw new Error("no backendAuth");
  return auth;
}

describe("a key source from outside", () => {
  // No valibot: any Standard Schema will do.
  const vault: KeySourceSchema = {
    name: "vault",
    schema: {
      "~standard": {
        version: 1,
        vendor: "made-up",
        validate: (value) =>
          typeof value === "object" && value !== null && "entry" in value
            ? { value: { entry: value.entry, version: 1 } }
            : { issues: [{ message: `no entry in ${JSON.stringify(value)}`, path: [{ key: "entri" }] }] },
      },
    },
    scalar: (text) => (text.startsWith("vault:") ? { entry: text.slice(6) } : undefined),
  };
  const sources = [vault, env, inline];

  test("brings its word, its schema and its defaults", () => {
    const { reference } = authOf("{ key: { vault: { entry: $NAME } } }", { sources, lookup: () => "a" }).key!;
    expect(reference).toMatchObject({ source: "vault", ref: { entry: "a", version: 1 } });
    expect(reference.path.slice(-2)).toEqual(["key", "vault"]);
  });

  test("claims a bare string before those behind it, as a method of its own", () => {
    class Claimant implements KeySourceSchema {
      readonly name = "mine";
      readonly schema = v.string();
      readonly start = "mine:";
      scalar(text: string) {
        return text.startsWith(this.start) ? text : undefined;
      }
    }
    const all = [new Claimant(), ...sources];
    expect(authOf("{ key: 'mine:a' }", { sources: all }).key?.reference.source).toBe("mine");
    expect(authOf("{ key: 'vault:a' }", { sources: all }).key?.reference.ref).toEqual({ entry: "a" });
    expect(authOf("{ key: 'x' }", { sources: all }).key?.reference.source).toBe("inline");
  });

  test("has its complaint placed, without the value that it quotes", () => {
    const [error] = errorsOf(withAuth("{ key: { vault: { entri: hunter2-hunter2 } } }"), { sources }).errors;
    expect(error).toMatchObject({ code: "CONFIG_VALUE", place: { line: 1 } });
    expect(error?.format()).not.toContain("hunter2");
  });

  test("that nobody brought is an unknown field, and a text that nobody claims an error", () => {
    expect(codesOf(withAuth("{ key: { vault: {} } }"))).toEqual(["CONFIG_UNKNOWN_FIELD"]);
    expect(codesOf(withAuth("{ key: plain }"), { sources: [env] })).toEqual(["CONFIG_VALUE"]);
  });

  test("that throws what it was given is not quoted", () => {
    const rude: KeySourceSchema = {
      ...inline,
      scalar: (text) => {
        throw new Error(text);
      },
    };
    expect(errorsOf(withAuth("{ key: hunter2-hunter2 }"), { sources: [rude] }).format()).not.toContain("hunter2");
  });
});

describe("a variable", () => {
  test("in a key stays as it is written, whether it is set or not", () => {
    const lookup = () => "never-this";
    for (const key of ["'$A'", "{ value: '$A' }"]) {
      expect(authOf(`{ key: ${key} }`, { lookup }).key?.reference.ref).toBe("$A");
    }
    const location = "location: { cookie: { name: c } }";
    const auth = authOf(`{ credentials: [{ key: '$A', ${location} }] }`, { lookup });
    expect(auth.credentials[0]?.reference.ref).toBe("$A");
  });

  test("never changes what is around it, whatever it holds", () => {
    assert(
      property(string({ unit: "grapheme" }), (value) => {
        const text = withAuth("{ key: k }").replace("port: 1", "port: 1, listeners: [{ name: $NAME, routes: [] }]");
        const once = text.replace(/, listeners: \[\{ routes.*$/, " }]");
        const listener = () => parse(once, { lookup: () => value }).config.binds[0]?.listeners[0];
        if (value === "") expect(listener).toThrow(ConfigErrors);
        else expect(listener()).toMatchObject({ name: value, routes: [] });
      }),
    );
  });

  test("of digits stands where a number is expected, any other is an error", () => {
    const text = "binds: [{ port: $PORT, listeners: [{ routes: [] }] }]";
    expect(parse(text, { lookup: () => "3000" }).config.binds[0]?.port).toBe(3000);
    expect(codesOf(text, { lookup: () => "70000" })).toEqual(["CONFIG_VALUE"]);
    expect(codesOf(text, { lookup: () => "3000 # [" })).toEqual(["CONFIG_VALUE"]);
  });

  test("is shown by its name, never by its value", () => {
    const text = "binds: [{ port: 1, address: $SECRET_ADDRESS, listeners: [{ routes: [] }] }]";
    const shown = errorsOf(text, { lookup: () => "hunter2-hunter2" }).format();
    expect(shown).toContain("$SECRET_ADDRESS");
    expect(shown).not.toContain("hunter2");
  });
});

describe("a frame", () => {
  const secret = "Zq9-hunter2";
  const places = [
    withAuth(`{ key: ${secret}, location: {} }`),
    withAuth(`{ kye: "${secret}" }`),
    withAuth(`{ key: { value: ${secret}, vlaue: 1 } }`),
    withAuth(`{ key: { valeu: '${secret}' } }`),
    withAuth(`{ key: { inline: ${secret}, location: {} } }`),
    withAuth(`{ credentials: [{ key: ${secret} }] }`),
    withAuth(`{ key: \${UNSET:-${secret}}, x: 1 }`),
    withAuth(secret),
    withAuth(`{ key: [${secret}] }`),
    withAuth("{}").replace("backendAuth", `backendauth: { key: ${secret} }, backendAuth`),
    withAuth("{}").replace("backendAuth: {}", `apiKey: { keys: [{ key: ${secret}, a: b }] }`),
    withAuth("{}").replace("backendAuth: {}", `requestHeaderModifier: { set: { x-any: ${secret}, te: a } }`),
    `config: { fingerprintKey: ${secret}, x: y }\nbinds: []`,
    `a:\n  key: ${secret}\n  b: [\n`,
    `a:\n  key: "${secret}\n`,
    `key: |\n  ${secret}\nb: 1`,
    `? ${secret}\n: key`.replace(secret, "key") + `\nkey: >-\n  ${secret}`,
  ];

  test.each(places)("of %s shows no key", (text) => {
    expect(errorsOf(text).format()).not.toContain(secret);
  });

  test("shows a key neither where it was put by mistake, if it looks like one", () => {
    const key = "sk-proj-abcdefghijklmnop";
    for (const text of [`${key}: 1`, `binds: ${key}`, `nmae: ${key}`, `[${key}`, `{ key: { ${key}: 1 } }`, `*${key}`]) {
      expect(errorsOf(text).format()).not.toContain("abcdefgh");
    }
  });

  test("obeys no control character", () => {
    const shown = errorsOf('"a\\e[31m": 1\nb\u202e: 2').format();
    // eslint-disable-next-line no-control-regex -- that is what must not be there
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  test("is drawn around the place in a line of any length", () => {
    const text = `{ "a": "${"x ".repeat(2000)}", "binds": 5 }`;
    const { frame, place } = errorsOf(text).errors.find(({ code }) => code === "CONFIG_TYPE")!;
    const [line = "", caret = ""] = frame.split("\n");
    expect(line.length).toBeLessThan(140);
    expect(line[caret.indexOf("^")]).toBe("5");
    expect(text[place!.offset]).toBe("5");
  });
});

describe("a hostile file", () => {
  const size = 10 * 1024 * 1024;
  const enough = 3 * 1024 * 1024;

  test("of 10 MB is refused", () => {
    expect(codesOf(new Uint8Array(size))).toEqual(["CONFIG_TOO_LARGE"]);
    expect(codesOf("[".repeat(size))).toEqual(["CONFIG_TOO_LARGE"]);
  });

  test.each(["[", "- ", "{a: ", "a: b\n", ": "])("of 3 MB of %j ends in an error", (piece) => {
    const { errors } = errorsOf(piece.repeat(Math.floor(enough / piece.length)));
    expect(errors.length).toBeGreaterThan(0);
  });

  test("with a thousand mistakes has the first hundred told, and the rest counted", () => {
    const errors = errorsOf(Array.from({ length: 1_000 }, (_, index) => `k${index}: 1`).join("\n"));
    expect(errors.errors).toHaveLength(100);
    expect(errors.omitted).toBe(901);
    expect(errors.errors.at(-1)?.place?.line).toBe(99);
  });

  test("whose aliases nest without end is refused", () => {
    const lines = Array.from({ length: 90 }, (_, index) => {
      const inner = index === 0 ? "x" : `*a${index - 1}`;
      return `a${index}: &a${index} ${"[".repeat(90)}${inner}${"]".repeat(90)}`;
    });
    expect(codesOf(lines.join("\n"))).toEqual(["CONFIG_TOO_DEEP"]);
  });

  test("cannot reach an object's prototype", () => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      expect(codesOf(`${name}: { port: 1 }\nbinds: []`)).toContain("CONFIG_VALUE");
    }
    expect({}).not.toHaveProperty("port");
  });

  test("of any bytes gives a config or errors, never anything else", () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => errorsOf(bytes).format()).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  test("of any pieces of YAML gives a config or errors, never anything else", () => {
    const piece = constantFrom(
      ..."binds: |- |  |\n|{|}|[|]|, |&a |*a|<<: |*a\n|key: |port: 1|backendAuth: |$A|${|}|\"|'|: |? |!!str |#|>|%|---|\t|null|routes: |policies: ".split(
        "|",
      ),
    );
    assert(
      property(array(piece, { maxLength: 40 }), (pieces) => {
        try {
          parse(pieces.join(""));
        } catch (error) {
          if (!ConfigErrors.is(error)) throw error;
          expect(error.format()).not.toBe("");
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a policy shared by an alias", () => {
  test("is placed where it stands, and told once", () => {
    const text = `binds:
- port: 1
  listeners:
  - routes:
    - backends: &backends [{ hots: "a:1" }]
    - backends: *backends
    - { backends: *backends }`;
    expect(errorsOf(text).errors.map(({ summary }) => summary)).toEqual([
      "config.yaml:5:30: CONFIG_UNKNOWN_FIELD: unknown field 'hots'; did you mean host?",
    ]);
  });

  test("may serve a thousand routes", () => {
    const route = '    - { backends: [{ host: "a:1" }], policies: *policies }\n';
    const text = `binds:
- port: 1
  listeners:
  - routes:
    - backends: [{ host: "a:1" }]
      policies: &policies { responseHeaderModifier: { set: { a: b, c: d, e: f } } }
${route.repeat(1000)}`;
    expect(parse(text).config.binds[0]?.listeners[0]?.routes).toHaveLength(1001);
  });
});
