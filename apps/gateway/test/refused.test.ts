import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { oneRoute } from "./configs.ts";
import { gatewayInProcess, placeAndCode, refusals } from "./in-process.ts";
import { directoryOf, runKeybearer } from "./keybearer.ts";

const canary = "sk-canary-0123456789-abcdefgh";
const upstream = "127.0.0.1:9";

interface Case {
  readonly name: string;
  /** `^` stands before what the error must point at. */
  readonly auth: string;
  readonly code: string;
  /** What is said of the mend, or in the message where that is clear enough. */
  readonly says: RegExp;
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string | Uint8Array>;
}

const cases: readonly Case[] = [
  { name: "a variable that is not set", auth: '{ key: ^"$KEY" }', code: "SECRET_NOT_FOUND", says: /--env-file/ },
  {
    name: "a variable that is not set, inside a longer text",
    auth: '{ key: ^"sk-${TENANT}-$KEY" }',
    env: { TENANT: "a" },
    code: "SECRET_NOT_FOUND",
    says: /KEY is not set/,
  },
  { name: "an empty variable", auth: '{ key: ^"$KEY" }', env: { KEY: "" }, code: "SECRET_EMPTY", says: /<<'EOF'/ },
  { name: "an empty key", auth: '{ key: ^"" }', code: "SECRET_EMPTY", says: /<<EOF.*<<'EOF'/ },
  {
    name: "a file that is missing",
    auth: "{ key: { file: ^no-such-key.txt } }",
    code: "SECRET_NOT_FOUND",
    says: /working directory/,
  },
  { name: "a directory", auth: "{ key: { file: ^. } }", code: "SECRET_MALFORMED", says: /name the file in it/ },
  {
    name: "an empty file",
    auth: "{ key: { file: ^k } }",
    files: { k: "" },
    code: "SECRET_EMPTY",
    says: /put the key there/,
  },
  {
    name: "a file of white space",
    auth: "{ key: { file: ^k } }",
    files: { k: " \n\n" },
    code: "SECRET_EMPTY",
    says: /white space/,
  },
  {
    name: "a file of two lines",
    auth: "{ key: { file: ^k } }",
    files: { k: `${canary}\n${canary}2\n` },
    code: "SECRET_MALFORMED",
    says: /2 lines.*>> run twice/s,
  },
  {
    name: "a file over 64 KiB",
    auth: "{ key: { file: ^k } }",
    files: { k: "k".repeat(64 * 1024 + 1) },
    code: "SECRET_MALFORMED",
    says: /64 KiB/,
  },
  {
    name: "a file that is no UTF-8",
    auth: "{ key: { file: ^k } }",
    files: { k: Buffer.from([0x73, 0x6b, 0xff, 0xfe]) },
    code: "SECRET_MALFORMED",
    says: /UTF-8/,
  },
  {
    name: "a control character",
    auth: "{ key: { file: ^k } }",
    files: { k: `${canary}\u0007${canary}` },
    code: "SECRET_MALFORMED",
    says: /U\+0007 at character 30/,
  },
  {
    name: "a character that is not ASCII",
    auth: `{ key: ^"${canary}ü" }`,
    code: "SECRET_MALFORMED",
    says: /not ASCII.*U\+00FC/s,
  },
  {
    name: "quotes in the value",
    auth: `{ key: ^"$KEY" }`,
    env: { KEY: `"${canary}"` },
    code: "SECRET_MALFORMED",
    says: /leave the quotes out/,
  },
  {
    name: "Bearer in the value",
    auth: `{ key: ^"Bearer ${canary}" }`,
    code: "SECRET_MALFORMED",
    says: /leave the word out/,
  },
  {
    name: "the whole assignment",
    auth: "{ key: { file: ^k } }",
    files: { k: `OPENAI_API_KEY=${canary}` },
    code: "SECRET_MALFORMED",
    says: /first =/,
  },
  { name: "a number", auth: "{ key: ^12345678901234567890 }", code: "CONFIG_TYPE", says: /quotes/ },
  {
    name: "a location that is lost beside a key",
    auth: `{ key: "${canary}", ^location: { header: { name: x-api-key } } }`,
    code: "CONFIG_MISPLACED_FIELD",
    says: /key: \{ value: .*, location: /,
  },
  {
    name: "a location that is lost beside a file",
    auth: `{ key: { file: k, ^location: { header: { name: x-api-key } } } }`,
    files: { k: canary },
    code: "CONFIG_MISPLACED_FIELD",
    says: /key: \{ value: .*, location: /,
  },
  {
    name: "credentials that are lost beside a key",
    auth: `{ key: "${canary}", ^credentials: [{ key: "${canary}2", location: { cookie: { name: c } } }] }`,
    code: "CONFIG_MISPLACED_FIELD",
    says: /key: \{ value: /,
  },
  {
    name: "passthrough that is no map",
    auth: "{ passthrough: ^true }",
    code: "CONFIG_TYPE",
    says: /passthrough: \{\}/,
  },
  {
    name: "two credentials for one header",
    auth: `^{ key: { value: "${canary}" }, credentials: [{ key: "${canary}2", location: { header: { name: Authorization } } }] }`,
    code: "CREDENTIALS_COLLIDE",
    says: /location of its own/,
  },
];

describe("refused at load, with the place, the reason and the mend, and never the value:", () => {
  test.each(cases)("$name", async ({ auth, code, says, env = {}, files = {} }) => {
    const marked = oneRoute({ upstream, auth });
    const config = marked.replace("^", "");
    const directory = directoryOf();
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes);
    const errors = await refusals({ config, directory, env });
    const before = marked.slice(0, marked.indexOf("^")).split("\n");
    expect(errors.map(placeAndCode)).toEqual([`${before.length}:${before.at(-1)!.length + 1} ${code}`]);
    const text = errors[0]!.format();
    expect(text).toMatch(says);
    expect(text).toMatch(/^ +\d+ \| .*\n +\| +\^+$/m);
    expect(text).not.toContain(canary);
  });

  test.skipIf(process.getuid?.() === 0)("a file that may not be read (skipped for root, who may)", async () => {
    const directory = directoryOf({ k: canary });
    chmodSync(join(directory, "k"), 0);
    const [error] = await refusals({ config: oneRoute({ upstream, auth: "{ key: { file: k } }" }), directory });
    expect(error).toMatchObject({ code: "SECRET_DENIED" });
  });

  test("a key file that is nowhere: both places are named", async () => {
    const directory = directoryOf();
    const [error] = await refusals({
      config: oneRoute({ upstream, auth: "{ key: { file: no-key.txt } }" }),
      directory,
    });
    expect(error!.found).toBe(`nothing at ${join(directory, "no-key.txt")} or ${join(process.cwd(), "no-key.txt")}`);
  });
});

describe("what would take a key where it must not go is refused at load:", () => {
  const withBackend = (backend: string, policies = ""): string => `
binds:
- port: 0
  listeners:
  - routes:
    - backends:
      - ${backend}
      policies: { backendAuth: { key: "${canary}" }${policies} }
`;

  test.each([
    ["over http to a public host", `ai: { name: a, provider: { openAI: {} }, hostOverride: "llm.example.com:80" }`],
    ["over http to a public address", `host: "203.0.113.7:8080"`],
  ])("KEY_IN_CLEARTEXT %s", async (_, backend) => {
    const [error, ...more] = await refusals({ config: withBackend(backend) });
    expect(placeAndCode(error!)).toBe("8:32 KEY_IN_CLEARTEXT");
    expect(error!.fix).toContain("allowCleartext: true");
    expect(more).toEqual([]);
  });

  test.each(["127.0.0.1:8000", "10.1.2.3:80", "llm.svc.cluster.local:80", "models.internal:8000", "localhost:11434"])(
    "but not to %s, which is this machine or a private network",
    async (host) => {
      const gateway = await gatewayInProcess({ config: withBackend(`host: "${host}"`) });
      expect(gateway.urls.binds).toHaveLength(1);
    },
  );

  test("nor where backendAuth.allowCleartext says that it is known", async () => {
    const config = withBackend(`host: "203.0.113.7:80"`).replace(
      "backendAuth: {",
      "backendAuth: { allowCleartext: true,",
    );
    expect((await gatewayInProcess({ config })).keys).toHaveLength(1);
  });

  test.each([
    ["set, in another case", "requestHeaderModifier: { set: { AUTHORIZATION: x } }"],
    ["add", "requestHeaderModifier: { add: { authorization: x } }"],
    ["remove", "requestHeaderModifier: { remove: [authorization] }"],
  ])("MODIFIER_ON_CREDENTIAL: %s", async (_, modifier) => {
    const config = withBackend(`host: "127.0.0.1:9"`, `, ${modifier}`);
    const [error, ...more] = await refusals({ config });
    expect(error).toMatchObject({ code: "MODIFIER_ON_CREDENTIAL", place: { line: 8 } });
    expect(error!.message).toContain("authorization");
    expect(more).toEqual([]);
  });

  test("MODIFIER_ON_CREDENTIAL: of the backend, where the key has a header of its own", async () => {
    const policies = "requestHeaderModifier: { set: { x-llm-key: x } }";
    const auth = `backendAuth: { key: { value: "${canary}", location: { header: { name: X-LLM-Key } } } }`;
    const config = withBackend(`{ host: "127.0.0.1:9", policies: { ${policies}, ${auth} } }`);
    expect((await refusals({ config })).map(({ code }) => code)).toEqual(["MODIFIER_ON_CREDENTIAL"]);
  });
});

test("all errors come at once, in file order, whichever step found them", async () => {
  const config = `
binds:
- port: 0
  listeners:
  - routes:
    - backends: [{ host: "203.0.113.7:80" }]
      policies: { backendAuth: { key: "${canary}" } }
    - backends: [{ host: "127.0.0.1:9" }]
      policies: { backendAuth: { key: "$UNSET" }, backendTLS: { root: no-root.pem } }
    - backends: [{ host: "127.0.0.1:9" }]
      policies: { backendAuth: { key: { file: no-key } }, requestHeaderModifier: { remove: [authorization] } }
    - backends: [{ host: "127.0.0.1:9" }]
      policies: { backendAuth: { key: "" } }
`;
  const { code, stdout, stderr } = await validated(config);
  const found = Array.from(
    stderr.matchAll(/^config\.yaml:(\d+):\d+: (\w+): /gm),
    ([, line, code]) => `${line} ${code}`,
  );
  expect(found).toEqual([
    "7 KEY_IN_CLEARTEXT",
    "9 SECRET_NOT_FOUND",
    "9 TLS_FILE_UNREADABLE",
    "11 SECRET_NOT_FOUND",
    "11 MODIFIER_ON_CREDENTIAL",
    "13 SECRET_EMPTY",
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).not.toContain(canary);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test("a start refuses what --validate-only refuses, with the same words", async () => {
  const config = oneRoute({ upstream, auth: '{ key: "$UNSET" }' });
  const [started, validate] = await Promise.all([runKeybearer({ config }), validated(config)]);
  expect(started).toEqual(validate);
  expect(started.code).toBe(1);
});

function validated(config: string): ReturnType<typeof runKeybearer> {
  return runKeybearer({ config, args: ["--validate-only"] });
}
