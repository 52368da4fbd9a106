/** Nothing leaks: known keys in every source, known tokens in every place of a caller, a whole life, and a search. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { defineSecretSource, type SecretSource } from "@keybearer/secrets";
import { startSimulator, type ReceivedRequest, type Simulator } from "@keybearer/simulator";
import * as v from "valibot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canariesIn } from "./canaries.ts";
import { ask } from "./configs.ts";
import { gatewayInProcess, refusals } from "./in-process.ts";
import { directoryOf, runKeybearer, startKeybearer, type Keybearer } from "./keybearer.ts";
import { seesWrites } from "./sees-writes.ts";

/** What the operator holds. Some look like keys, some do not; some change when they are encoded. */
const keys = {
  inline: "tangerine-dream-of-the-inline",
  fallback: "lemon-tree/of+the=fallback",
  env: "sk-proj-env+Zq7x9=KdAbCdEfGh01234",
  envFile: "sk-proj-envfile+Zq7x9=KdAbCdEf01234",
  file: "sk-ant-file+Zq7x9=KdAbCdEfGh01234",
  first: "sk-first-of-two+Zq7/x9=KdAbCdEf",
  second: "apricot+second/of=two",
  vault: "sk-vault-Zq7+x9/KdAbCdEfGh012345",
  tenant: "sk-of-the-other-tenant+Zq7x9=Kd",
  client: "plum-client-key-that-we-gave-out",
  header: "quince-in-a-header-modifier",
  fingerprint: "medlar-that-makes-fingerprints",
};

/** What a caller holds, for us or for somebody else. */
const tokens = {
  authorization: "pear-of-the-authorization+header/1",
  "proxy-authorization": "pear-of-the-proxy+authorization/2",
  "x-api-key": "pear-of-x-api-key+3/",
  "api-key": "pear-of-api-key+4/",
  "x-goog-api-key": "pear-of-x-goog-api-key+5/",
  cookie: "pear-of-a-cookie+6/",
  "openai-organization": "pear-of-an-organization+7/",
  "openai-project": "pear-of-a-project+8/",
  query: "pear-of-the-query+9/",
};

type Canary = keyof typeof keys | keyof typeof tokens;

/** What each route's provider may and must receive. */
const belongs: Readonly<Record<string, readonly Canary[]>> = {
  inline: ["inline"],
  fallback: ["fallback"],
  env: ["env"],
  envFile: ["envFile"],
  file: ["file"],
  two: ["first", "second"],
  vault: ["vault"],
  tenant: ["tenant"],
  client: ["inline"],
  modifier: ["inline", "header"],
  passthrough: ["authorization"],
};

const callerHeaders = {
  authorization: `Bearer ${tokens.authorization}`,
  "proxy-authorization": `Basic ${tokens["proxy-authorization"]}`,
  "x-api-key": tokens["x-api-key"],
  "api-key": tokens["api-key"],
  "x-goog-api-key": tokens["x-goog-api-key"],
  cookie: `session=${tokens.cookie}`,
  "openai-organization": tokens["openai-organization"],
  "openai-project": tokens["openai-project"],
};
const withToken = `/v1/chat/completions?key=${encodeURIComponent(tokens.query)}`;

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

let ours: Simulator;
let theirs: Simulator;
beforeAll(async () => {
  [ours, theirs] = await Promise.all([startSimulator({ echoKey: true }), startSimulator({ echoKey: true })]);
});
afterAll(async () => {
  await Promise.all([ours.close(), theirs.close()]);
});

interface Route {
  readonly name: string;
  readonly auth: string;
  readonly upstream?: string;
  readonly policies?: string;
}

const route = ({ name, auth, upstream = ours.host, policies }: Route): string => `
    - name: ${name}
      matches: [{ headers: [{ name: x-route, value: { exact: ${name} } }] }]
      backends: [{ ai: { name: ${name}, hostOverride: "${upstream}", provider: { openAI: { model: gpt-4o } } } }]
      policies:
        backendAuth: ${auth}${policies === undefined ? "" : `\n        ${policies}`}`;

function configWith(more: readonly Route[]): string {
  const routes: Route[] = [
    { name: "inline", auth: `{ key: "${keys.inline}" }` },
    { name: "fallback", auth: `{ key: "\${NOT_SET:-${keys.fallback}}" }` },
    { name: "env", auth: '{ key: "$ENV_KEY" }' },
    { name: "file", auth: "{ key: { file: key.txt } }" },
    {
      name: "two",
      auth: `{ key: { value: "${keys.first}" }, credentials: [{ key: "${keys.second}", location: { cookie: { name: c } } }] }`,
    },
    { name: "tenant", auth: `{ key: "${keys.tenant}" }`, upstream: theirs.host },
    {
      name: "client",
      auth: `{ key: "${keys.inline}" }`,
      policies: `apiKey: { keys: [{ key: "${keys.client}", metadata: { user: alice } }] }`,
    },
    {
      name: "modifier",
      auth: `{ key: "${keys.inline}" }`,
      policies: `requestHeaderModifier: { set: { x-of-ours: "${keys.header}" } }`,
    },
    { name: "passthrough", auth: "{ passthrough: {} }" },
    ...more,
  ];
  return `config: { fingerprintKey: "${keys.fingerprint}" }
binds:
- port: 0
  listeners:
  - routes:${routes.map(route).join("")}
`;
}

interface Sent {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Every answer that a caller got, but for the bodies of providers' errors: to scrub those is not the gateway's job yet. */
class Caller {
  readonly #url: string;
  heard = "";

  constructor(url: string) {
    this.#url = url;
  }

  async asks(name: string, body: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<void> {
    const answer = await ask(this.#url, {
      path: withToken,
      headers: { ...callerHeaders, "x-route": name, ...headers },
      body,
    });
    const bodyText = await answer.text().catch((error: unknown) => String(error));
    this.#hear(answer, answer.status === 401 && name !== "client" ? "" : bodyText);
  }

  async sends(path: string, { headers, ...init }: Sent): Promise<void> {
    const answer = await fetch(this.#url + path, {
      ...init,
      headers: { ...callerHeaders, "x-route": "env", ...headers },
    });
    this.#hear(answer, await answer.text());
  }

  /** Bytes that are no HTTP, tokens and all. */
  async garbles(): Promise<void> {
    for (const line of [
      "GET /v1/models HTTP/1.1\r\nx-route: env\r\nx bad: 1",
      "NONSENSE",
      "POST /%zz?key=K HTTP/1.1\r\nhost: a b",
    ]) {
      const { hostname, port } = new URL(this.#url);
      const socket = connect(Number(port), hostname);
      socket.write(
        `${line}\r\nauthorization: ${callerHeaders.authorization}\r\n\r\n`.replace("=K", `=${tokens.query}`),
      );
      this.heard += await text(socket);
    }
  }

  #hear(answer: Response, body: string): void {
    this.heard += `${answer.status} ${JSON.stringify([...answer.headers])}\n${body}\n`;
  }
}

/** Good requests, then everything that can go wrong, on one route. */
async function wholeLife(caller: Caller, name: string, provider: Simulator): Promise<void> {
  await caller.asks(name);
  await caller.asks(name, { stream: true });
  provider.fault({ kind: "headers", headers: { "set-cookie": `theirs=${keys.tenant}; Path=/` } });
  await caller.asks(name);
  for (const fault of [
    { kind: "reset-before-head" },
    { kind: "garbage" },
    { kind: "truncate", afterEvents: 2 },
    { kind: "error-event", afterEvents: 1 },
    { kind: "status", status: 500 },
  ] as const) {
    provider.fault(fault);
    await caller.asks(name, { stream: true });
  }
}

async function badRequests(caller: Caller): Promise<void> {
  const json = { "content-type": "application/json" };
  await caller.sends(withToken, { method: "POST", body: `{"model": "${tokens.query}`, headers: json });
  await caller.sends(withToken, { method: "POST", body: "{}", headers: { ...json, "content-encoding": "zstd" } });
  await caller.sends(`/v1/organization/keys?key=${tokens.query}`, { method: "GET" });
  await caller.sends(withToken, { method: "DELETE" });
  await caller.sends(withToken, { method: "POST", headers: { "x-route": "nowhere" } });
  await caller.sends(withToken, { method: "POST", headers: { origin: "https://evil.example" } });
  await caller.asks("client", {}, { authorization: "Bearer wrong" });
  await caller.garbles();
}

/** What reached a provider is exactly what belongs there. */
function expectOnlyWhatBelongs(requests: readonly ReceivedRequest[]): void {
  const everything = { ...keys, ...tokens };
  for (const request of requests) {
    const name = request.headers["x-route"]!;
    const received = [request.path, request.query, ...request.rawHeaders, request.body.toString("latin1")].join("\n");
    expect({ name, canaries: canariesIn(received, everything).toSorted() }).toEqual({
      name,
      canaries: [...belongs[name]!].toSorted(),
    });
  }
}

function expectNone(said: Readonly<Record<string, string>>, canaries: Readonly<Record<string, string>>): void {
  for (const [where, output] of Object.entries(said)) {
    expect({ where, found: canariesIn(output, canaries) }).toEqual({ where, found: [] });
    expect(output.length, `nothing was said: ${where}`).toBeGreaterThan(0);
  }
}

/** Loaded into each thread: throws in the middle of a handler, and out of one, errors that hold all that they could get. */
const throwing = `
${seesWrites}
import { isMainThread } from "node:worker_threads";
// A head, when it is read, and then again when it is written.
let head = "";
const toString = Buffer.prototype.toString;
Buffer.prototype.toString = function (...args) {
  const text = toString.apply(this, args);
  if (text.includes("\\r\\nx-throw: ")) head = text;
  return text;
};
function seen(text) {
  if (isMainThread) return;
  if (text.includes("x-throw: thread")) process.nextTick(() => { throw laden("thrown by a thread", head + text); });
  if (!text.startsWith("HTTP/1.1 404") || !head.includes("x-throw: handler")) return;
  const headers = head;
  head = "";
  throw laden("thrown by a handler", headers + text);
}
const laden = (message, headers) =>
  Object.assign(new Error(message, { cause: Object.assign(new Error("inner"), { headers }) }), { headers, request: { headers } });
`;

test("the process: logs, errors, admin pages, metrics, answers and other providers get no key and no token", async () => {
  const pem = hasOpenssl ? clientCertificate() : {};
  const canaries: Record<string, string> = { ...keys, ...tokens, ...(pem.line ? { tlsKey: pem.line } : {}) };
  const directory = directoryOf({
    "key.txt": `${keys.file}\n`,
    "a.env": `ENV_FILE_KEY='${keys.envFile}'\n`,
    "bad.env": `GOOD=1\n${keys.envFile} is no assignment\n`,
    "throwing.mjs": throwing,
    ...pem.files,
  });
  const more: Route[] = [{ name: "envFile", auth: '{ key: "$ENV_FILE_KEY" }' }];
  if (pem.files) {
    const tls = "backendTLS: { cert: client.pem, key: client.key }";
    more.push({ name: "tls", auth: `{ key: "${keys.inline}" }`, upstream: "127.0.0.1:9", policies: tls });
  }
  const config = configWith(more);
  const env = { ENV_KEY: keys.env, RUST_LOG: "debug", LOG_FORMAT: "json" };
  const keybearer = await startKeybearer({
    config,
    directory,
    env,
    args: ["--env-file", "a.env"],
    nodeArgs: ["--import", join(directory, "throwing.mjs")],
  });
  const caller = new Caller(keybearer.url.replace("localhost", "127.0.0.1"));
  const names = Object.keys(belongs).filter((name) => name !== "vault");
  for (const name of names) {
    const asClient = name === "client" ? { authorization: `Bearer ${keys.client}` } : {};
    await caller.asks(name, {}, asClient);
    if (name !== "client") await wholeLife(caller, name, name === "tenant" ? theirs : ours);
  }
  if (pem.files) await caller.asks("tls");
  await badRequests(caller);
  // Whichever way it goes: what is thrown must not take a key with it.
  await caller
    .sends("/no/such/path", { method: "GET", headers: { "x-route": "none", "x-throw": "handler" } })
    .catch(() => undefined);
  await caller.asks("passthrough", {}, { "x-throw": "thread" }).catch(() => undefined);
  await keybearer.said("stderr", /thrown by a thread/);
  await untilServed(caller);

  // The providers turn the keys down, and show them while they do.
  for (const key of [...Object.values(keys), tokens.authorization]) ours.revokeKey(key);
  for (const name of ["inline", "env", "file", "envFile", "two", "passthrough"]) await caller.asks(name);
  ours.refuseConnections();
  await caller.asks("env");
  await ours.acceptConnections();
  const pages = await controlPages(keybearer);
  const { stdout, stderr, code } = await keybearer.stop();

  expect(code).toBe(0);
  expect(stderr).toMatch(/a fault inside the gateway.*thrown by a handler/);
  expect(stderr).toMatch(/upstream request/);
  expectNone({ stdout, stderr, answers: caller.heard, ...pages }, canaries);
  expectOnlyWhatBelongs(ours.requests);
  expectOnlyWhatBelongs(theirs.requests);
  expect(new Set([...ours.requests, ...theirs.requests].map(({ headers }) => headers["x-route"]))).toEqual(
    new Set(names),
  );
});

test("a config with mistakes beside its keys is told about without them", async () => {
  const good = configWith([]);
  const mistakes: Record<string, (config: string) => string> = {
    "an unknown field": (text) =>
      text.replaceAll(/backendAuth: \{ key: ("[^"]*")/g, "backendAuth: { key: $1, locaton: {}"),
    "a misplaced field": (text) =>
      text.replaceAll(/backendAuth: \{ key: ("[^"]*")/g, "backendAuth: { key: $1, credentials: []"),
    "a duplicate": (text) => text.replaceAll(/backendAuth: \{ key: ("[^"]*")/g, "backendAuth: { key: $1, key: $1"),
    "a misspelt word": (text) => text.replaceAll("key: ", "kye: "),
    "a key for a map": (text) => text.replaceAll(/backendAuth: \{ key: ("[^"]*").*\}/g, "backendAuth: $1"),
    "a key for a variable's name": (text) => text.replaceAll(/key: ("[^"]*") \}/g, "key: { env: $1 } }"),
    "a list": (text) => text.replaceAll(/key: ("[^"]*")/g, "key: [$1]"),
    "quotes and Bearer": (text) => text.replaceAll(/key: "([^"]*)"/g, `key: "Bearer $1"`),
    "two lines": (text) => text.replaceAll(/key: "([^"]*)"/g, String.raw`key: "$1\n$1"`),
    "a variable beside": (text) => text.replaceAll(/key: "([^"]*)"/g, 'key: "$1$UNSET_VARIABLE"'),
    "an open quote": (text) => text.replace(/(key: "[^"]*)"/, "$1"),
    "a tab": (text) => text.replaceAll("\n        backendAuth", "\n\tbackendAuth"),
    "bad indentation": (text) => text.replaceAll("\n        backendAuth", "\n   backendAuth"),
  };
  const directory = directoryOf({ "key.txt": keys.file });
  const said: Record<string, string> = {};
  for (const [mistake, make] of Object.entries(mistakes)) {
    const config = make(good);
    expect(config, mistake).not.toBe(good);
    const errors = await refusals({ config, directory, env: { ENV_KEY: keys.env } });
    said[mistake] = errors.map((error) => error.format()).join("\n");
  }
  expectNone(said, keys);
});

test("a key where a path is wanted is told about without it, if it has the looks of one", async () => {
  const config = configWith([]).replaceAll(/key: ("[^"]*") \}/g, "key: { file: $1 } }");
  const errors = await refusals({ config, directory: directoryOf({ "key.txt": "sk" }), env: { ENV_KEY: keys.env } });
  const text = errors.map((error) => error.format()).join("\n");
  expectNone({ text }, { env: keys.env, tenant: keys.tenant });
  expect(text).toContain("<a key?>");
});

test("an env file with a mistake beside its keys is told about without them", async () => {
  const files = { "bad.env": `GOOD=1\n${keys.envFile} is no assignment\n` };
  const { code, stdout, stderr } = await runKeybearer({ config: "", files, args: ["--env-file", "bad.env"] });
  expect(code).toBe(1);
  expectNone({ output: stdout + stderr }, keys);
});

test("a gateway in another program, with a source of that program: no key, no token", async () => {
  ours.clear();
  ours.setKeys(undefined);
  const vault = defineSecretSource({
    name: "vault",
    schema: v.strictObject({ path: v.string() }),
    fetch: () => keys.vault,
  }) as SecretSource;
  let logged = "";
  const gateway = await gatewayInProcess({
    config: `config: { logging: { level: debug }, adminAddr: "127.0.0.1:0" }\n${configWith([{ name: "vault", auth: "{ key: { vault: { path: a } } }" }]).replace(/^config.*\n/, "")}`,
    env: { ENV_KEY: keys.env },
    directory: directoryOf({ "key.txt": keys.file }),
    sources: [vault],
    workers: 1,
    settingsEnv: { STATS_ADDR: "off", READINESS_ADDR: "off" },
    log: (lines) => (logged += lines),
    accessLog: (lines) => (logged += lines),
  });
  const caller = new Caller(gateway.urls.binds[0]!.replace("localhost", "127.0.0.1"));
  await wholeLife(caller, "vault", ours);
  ours.revokeKey(keys.vault);
  await caller.asks("vault");
  const admin = await Promise.all(
    ["config_dump", "keys"].map(async (page) => (await fetch(`${gateway.urls.admin}/${page}`)).text()),
  );
  await gateway.close();
  expectNone(
    { logged, answers: caller.heard, admin: admin.join(), gateway: JSON.stringify(gateway) },
    { ...keys, ...tokens },
  );
  expectOnlyWhatBelongs(ours.requests);
});

test("the search finds a canary in every form", () => {
  const value = keys.fallback;
  const basic = (prefix: string) => `Basic ${Buffer.from(`${prefix}:${value}!`).toString("base64")}`;
  for (const text of [
    `x${value}x`,
    Buffer.from(`..${value}`).toString("hex"),
    encodeURIComponent(`?key=${value}&`),
    basic("a"),
    basic("ab"),
    basic("abc"),
    Buffer.from(`ab${value}`).toString("base64url"),
  ]) {
    expect(canariesIn(text, keys), text).toEqual(["fallback"]);
  }
  expect(canariesIn(value.slice(1), keys)).toEqual([]);
});

/** A thread that died takes a moment to be replaced. */
async function untilServed(caller: Caller): Promise<void> {
  for (;;) {
    try {
      return await caller.asks("env");
    } catch {
      // Not yet.
    }
  }
}

async function controlPages({ urls }: Keybearer): Promise<Record<string, string>> {
  const pages = [
    `${urls.admin}/config_dump`,
    `${urls.admin}/keys`,
    `${urls.admin}/nope?key=x`,
    `${urls.stats}/metrics`,
    `${urls.readiness}/healthz/ready`,
  ];
  const texts = await Promise.all(pages.map(async (page) => [page, await (await fetch(page)).text()] as const));
  return Object.fromEntries(texts);
}

function clientCertificate(): { line?: string; files?: Record<string, string> } {
  const directory = directoryOf();
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  spawnSync("openssl", ["req", "-x509", ...curve, "-keyout", "key", "-out", "cert", "-subj", "/CN=a client"], {
    cwd: directory,
  });
  const [key, cert] = ["key", "cert"].map((name) => readFileSync(join(directory, name), "utf8"));
  return { line: key!.split("\n")[1]!, files: { "client.key": key!, "client.pem": cert! } };
}
