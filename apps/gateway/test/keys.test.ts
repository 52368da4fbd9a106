import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, createWriteStream } from "node:fs";
import { join } from "node:path";
import { defineSecretSource, type SecretSource } from "@keybearer/secrets";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import * as v from "valibot";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { gatewayInProcess, placeAndCode, refusals } from "./in-process.ts";
import { directoryOf, runKeybearer, startKeybearer } from "./keybearer.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
beforeEach(() => provider.clear());
afterAll(() => provider.close());

const route = (auth: string): string => oneRoute({ upstream: provider.host, auth });
const last = () => provider.requests.at(-1)!;

describe("every shape of a key", () => {
  test("a literal, a variable, a variable in a longer text, a default, a file: each sent as a bearer", async () => {
    const directory = directoryOf({ "key.txt": "  sk-file\r\n" });
    const env = { KEY: "sk-env", EMPTY: "" };
    const shapes = [
      ['"sk-literal"', "sk-literal", "inline"],
      ['"sk-$$5"', "sk-$5", "inline"],
      ['"$KEY"', "sk-env", "env"],
      ["{ env: KEY }", "sk-env", "env"],
      ['"a-${KEY}-b"', "a-sk-env-b", "env"],
      ['"${EMPTY:-sk-default}"', "sk-default", "env"],
      ["{ file: key.txt }", "sk-file", "file"],
      ["{ value: { file: key.txt } }", "sk-file", "file"],
    ] as const;
    for (const [key, sent, source] of shapes) {
      const gateway = await gatewayInProcess({ config: route(`{ key: ${key} }`), directory, env });
      expect((await ask(gateway.urls.binds[0]!)).status).toBe(200);
      expect(last().headers["authorization"]).toBe(`Bearer ${sent}`);
      expect(gateway.keys.map((each) => each.source)).toEqual([source]);
    }
  });

  test("a location: another header with or without a prefix, a query parameter, a cookie", async () => {
    const at = async (location: string) => {
      const gateway = await gatewayInProcess({ config: route(`{ key: { value: "sk-a", location: ${location} } }`) });
      await ask(gateway.urls.binds[0]!, { path: "/v1/chat/completions?a=1" });
      return last();
    };
    const header = await at("{ header: { name: X-LLM-Key } }");
    expect(header.headers).toMatchObject({ "x-llm-key": "sk-a" });
    expect(header.headers).not.toHaveProperty("authorization");
    expect((await at('{ header: { name: x-key, prefix: "Key " } }')).headers).toMatchObject({ "x-key": "Key sk-a" });
    expect((await at("{ queryParameter: { name: k } }")).query).toBe("a=1&k=sk-a");
    expect((await at("{ cookie: { name: c } }")).headers).toMatchObject({ cookie: "c=sk-a" });
  });

  test("credentials, alone and beside a key: all of them go out", async () => {
    const list =
      '[{ key: "sk-b", location: { header: { name: dd-api-key } } }, { key: "sk-c", location: { cookie: { name: c } } }]';
    const alone = await gatewayInProcess({ config: route(`{ credentials: ${list} }`) });
    await ask(alone.urls.binds[0]!, { headers: { authorization: "Bearer of-the-caller" } });
    expect(last().headers).toMatchObject({ "dd-api-key": "sk-b", cookie: "c=sk-c" });
    expect(last().headers).not.toHaveProperty("authorization");
    const beside = await gatewayInProcess({ config: route(`{ key: { value: "sk-a" }, credentials: ${list} }`) });
    await ask(beside.urls.binds[0]!);
    expect(last().headers).toMatchObject({ authorization: "Bearer sk-a", "dd-api-key": "sk-b", cookie: "c=sk-c" });
  });

  test.skipIf(process.platform === "win32")("a file that is a named pipe is waited for, and read once", async () => {
    const directory = directoryOf();
    const pipe = join(directory, "pipe");
    spawnSync("mkfifo", [pipe]);
    const starting = startKeybearer({ config: route("{ key: { file: pipe } }"), directory });
    // Opening it for writing waits until the gateway has opened it for reading; the key comes some time after that.
    const writer = createWriteStream(pipe);
    await Promise.race([once(writer, "open"), starting]);
    await runKeybearer({ args: ["-V"] });
    writer.end("sk-piped\n");
    const keybearer = await starting;
    await ask(keybearer.url);
    expect(last().key).toBe("sk-piped");
  });
});

describe("passthrough", () => {
  test("the first of the places where a caller's token may stand is sent where the provider wants it", async () => {
    const gateway = await gatewayInProcess({ config: route("{ passthrough: {} }") });
    const url = gateway.urls.binds[0]!;
    const everywhere = { authorization: "Bearer t1", "x-api-key": "t2", "api-key": "t3", "x-goog-api-key": "t4" };
    const entries = Object.entries(everywhere);
    for (const [index, expected] of ["t1", "t2", "t3", "t4"].entries()) {
      await ask(url, { headers: Object.fromEntries(entries.slice(index)), path: "/v1/chat/completions?key=t5" });
      expect(last().headers["authorization"]).toBe(`Bearer ${expected}`);
      for (const name of ["x-api-key", "api-key", "x-goog-api-key"]) expect(last().headers).not.toHaveProperty(name);
      expect(last().query).toBe("");
    }
    await ask(url, { path: "/v1/chat/completions?key=t5" });
    expect(last().headers["authorization"]).toBe("Bearer t5");
    expect(gateway.keys).toMatchObject([{ name: "openai", source: "passthrough", fingerprint: undefined }]);
  });

  test("from: one place alone, and location: where it goes", async () => {
    const auth = "{ passthrough: { from: { header: { name: x-token } }, location: { header: { name: x-api-key } } } }";
    const gateway = await gatewayInProcess({ config: route(auth) });
    const url = gateway.urls.binds[0]!;
    await ask(url, { headers: { "x-token": "t1", authorization: "Bearer t2" } });
    expect(last().headers).toMatchObject({ "x-api-key": "t1" });
    expect(last().headers).not.toHaveProperty("authorization");
    expect(last().headers).not.toHaveProperty("x-token");
    expect((await ask(url, { headers: { authorization: "Bearer t2" } })).status).toBe(401);
  });

  test("no token: 401 in the caller's dialect with WWW-Authenticate, and no call upstream", async () => {
    const gateway = await gatewayInProcess({ config: route("{ passthrough: {} }") });
    const answer = await ask(gateway.urls.binds[0]!);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(await answer.json()).toMatchObject({ error: { code: "caller_token_missing", type: expect.any(String) } });
    expect(provider.requests).toEqual([]);
  });
});

describe("the name of a key", () => {
  test("is its backend's, with #2 when repeated; else its route's; else its route's place in the config", async () => {
    const config = `
binds:
- port: 0
  listeners:
  - routes:
    - matches: [{ path: { pathPrefix: /a } }]
      backends:
      - ai: { name: openai, policies: { backendAuth: { key: "sk-1" } }, hostOverride: "${provider.host}", provider: { openAI: {} } }
    - matches: [{ path: { pathPrefix: /b } }]
      backends:
      - ai: { name: openai, policies: { backendAuth: { key: "sk-2" } }, hostOverride: "${provider.host}", provider: { openAI: {} } }
    - name: plain
      matches: [{ path: { pathPrefix: /c } }]
      backends: [{ host: "${provider.host}" }]
      policies: { backendAuth: { key: "sk-3" } }
    - matches: [{ path: { pathPrefix: /d } }]
      backends: [{ host: "${provider.host}" }]
      policies: { backendAuth: { key: "sk-4" } }
`;
    const gateway = await gatewayInProcess({ config });
    expect(gateway.keys.map(({ name, place }) => `${name} ${place}`)).toEqual([
      "openai config.yaml:8:61",
      "openai#2 config.yaml:11:61",
      "plain config.yaml:15:39",
      "binds[0].listeners[0].routes[3] config.yaml:18:39",
    ]);
    expect(new Set(gateway.keys.map(({ fingerprint }) => fingerprint)).size).toBe(4);
  });

  test("of a route that two backends share is one, and its fingerprint the same at every start", async () => {
    const config = `
binds:
- port: 0
  listeners:
  - routes:
    - name: shared
      backends: [{ host: "${provider.host}" }, { host: "${provider.host}" }]
      policies: { backendAuth: { key: "sk-1" } }
`;
    const [first, second] = await Promise.all([gatewayInProcess({ config }), gatewayInProcess({ config })]);
    expect(first.keys).toHaveLength(1);
    expect(first.keys).toEqual(second.keys);
    expect(first.keys[0]!.fingerprint).toMatch(/^[0-9a-f]{8}$/);
    const other = await gatewayInProcess({ config: `config: { fingerprintKey: of-our-own }\n${config}` });
    expect(other.keys[0]!.fingerprint).not.toBe(first.keys[0]!.fingerprint);
  });
});

describe("worth knowing, and no error:", () => {
  const real = "sk-proj-a1B2c3D4e5F6g7H8i9J0kLmN";
  const notices = async (options: Parameters<typeof gatewayInProcess>[0]): Promise<string> =>
    (await gatewayInProcess(options)).notices.filter((notice) => !notice.includes("LOOPBACK_ONLY")).join("\n");

  test("a key that stands in the config, at its place; one that looks like none is passed over", async () => {
    const warned = await notices({ config: route(`{ key: "${real}" }`) });
    expect(warned).toMatch(/^config\.yaml:9:39: SECRET_INLINE: /);
    expect(warned).not.toContain(real);
    for (const key of ["sk-proj....", "<your-api-key>", "test"]) {
      expect(await notices({ config: route(`{ key: "${key}" }`) })).toBe("");
    }
  });

  test("a key on the command line, which other users can see", async () => {
    const { stderr, code } = await runKeybearer({ args: ["--validate-only", "-c", route(`{ key: "${real}" }`)] });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^<command line>:9:39: SECRET_INLINE: .*every user of this machine/);
    expect(stderr).not.toContain(real);
  });

  test.skipIf(process.platform === "win32")("a key file that others may read or write", async () => {
    const directory = directoryOf({ k: "sk-file" });
    const config = route("{ key: { file: k } }");
    expect(await notices({ config, directory })).toBe("");
    chmodSync(join(directory, "k"), 0o644);
    expect(await notices({ config, directory })).toMatch(/^config\.yaml:9:47: SECRET_FILE_READABLE: .*chmod 600/s);
    chmodSync(join(directory, "k"), 0o620);
    expect(await notices({ config, directory })).toMatch(/^config\.yaml:9:47: SECRET_FILE_WRITABLE: .*chmod 600/s);
  });

  test("a key that plainly belongs to another provider, unless the backend has a host of its own", async () => {
    const foreign = "sk-ant-api03-a1B2c3D4e5F6g7H8i9J0kLmN";
    const env = { KEY: foreign };
    const config = route('{ key: "$KEY" }');
    expect(await notices({ config, env })).toBe("");
    const warned = await notices({ config: config.replace(`hostOverride: "${provider.host}",`, ""), env });
    expect(warned).toMatch(/^config\.yaml:9:39: KEY_OF_ANOTHER_PROVIDER: .*anthropic.*openAI/);
    expect(warned).not.toContain(foreign);
  });
});

describe("a source from outside", () => {
  const vault = (values: Readonly<Record<string, string>>): SecretSource =>
    defineSecretSource({
      name: "vault",
      schema: v.strictObject({ path: v.pipe(v.string(), v.nonEmpty()) }),
      fetch: ({ path }: { path: string }) =>
        values[path] ?? Promise.reject(new Error(`no ${path} in ${JSON.stringify(values)}`)),
    }) as SecretSource;

  test("adds its word to the config, also below value, without a change to config or proxy", async () => {
    for (const key of ["{ vault: { path: a/b } }", "{ value: { vault: { path: a/b } } }"]) {
      const gateway = await gatewayInProcess({ config: route(`{ key: ${key} }`), sources: [vault({ "a/b": "sk-v" })] });
      expect((await ask(gateway.urls.binds[0]!)).status).toBe(200);
      expect(last().key).toBe("sk-v");
      expect(gateway.keys).toMatchObject([{ name: "openai", source: "vault" }]);
    }
  });

  test("serves several threads as well: its code stays in the main thread", async () => {
    const config = route("{ key: { vault: { path: a } } }");
    const gateway = await gatewayInProcess({ config, sources: [vault({ a: "sk-v" })], workers: 2 });
    expect((await ask(gateway.urls.binds[0]!)).status).toBe(200);
    expect(last().key).toBe("sk-v");
  });

  test("is validated by its own schema, and what it throws is not repeated", async () => {
    const sources = [vault({ other: "sk-the-secret-of-another" })];
    const [field] = await refusals({ config: route("{ key: { vault: { pth: a } } }"), sources });
    expect(field!.place).toMatchObject({ line: 9 });
    const [missing] = await refusals({ config: route("{ key: { vault: { path: a } } }"), sources });
    expect(placeAndCode(missing!)).toMatch(/^9:\d+ SECRET_UNAVAILABLE$/);
    expect(missing!.format()).not.toContain("sk-the-secret-of-another");
    const [unknown] = await refusals({ config: route("{ key: { vault: { path: a } } }") });
    expect(unknown!.format()).toMatch(/CONFIG_UNKNOWN_FIELD.*vault/);
  });

  test("may claim a bare string, before inline takes it", async () => {
    const pass = defineSecretSource({
      name: "pass",
      schema: v.string(),
      scalar: (text) => (text.startsWith("pass:") ? text.slice(5) : undefined),
      fetch: (entry: string) => `sk-of-${entry}`,
    }) as SecretSource;
    const gateway = await gatewayInProcess({ config: route('{ key: "pass:openai" }'), sources: [pass] });
    await ask(gateway.urls.binds[0]!);
    expect(last().key).toBe("sk-of-openai");
  });

  test("whose key changes: the next request carries the new one", async () => {
    let value = "sk-old";
    const sources = [
      defineSecretSource({
        name: "vault",
        schema: v.any(),
        fetch: () => value,
        ttl: "1s",
        random: () => 0,
      }) as SecretSource,
    ];
    const gateway = await gatewayInProcess({ config: route("{ key: { vault: {} } }"), sources, workers: 1 });
    await ask(gateway.urls.binds[0]!);
    value = "sk-new";
    while (last().key === "sk-old") await ask(gateway.urls.binds[0]!);
    expect(provider.keysSeen).toEqual(["sk-old", "sk-new"]);
  });
});
