import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, noSmallServers, oneRoute } from "./configs.ts";
import { gatewayInProcess } from "./in-process.ts";
import { hasTerminal, startKeybearer } from "./keybearer.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ anonymous: true });
});
afterAll(() => provider.close());

const changing = { "x-keybearer-admin": "1" };
const config = (settings = "{}"): string =>
  oneRoute({
    upstream: provider.host,
    auth: '{ key: "sk-canary-key" }',
    policies: [
      'requestHeaderModifier: { set: { x-tenant: canary-header }, add: { "x-second": canary-header-2 } }',
      "apiKey: { mode: optional, keys: [{ key: canary-client-key, metadata: { user: canary-user } }] }",
    ],
    settings,
  });
const withAdmin = { ...noSmallServers, ADMIN_ADDR: "127.0.0.1:0" };

describe("the admin port", () => {
  test("answers to its own address and to localhost, and to no name that a page of another site could have", async () => {
    const { urls } = await gatewayInProcess({ config: config(), settingsEnv: withAdmin });
    const { port } = new URL(urls.admin!);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "LOCALHOST", `[::1]:${port}`]) {
      expect((await send("GET", `${urls.admin}/keys`, { host })).status).toBe(200);
    }
    for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example"]) {
      expect((await send("GET", `${urls.admin}/keys`, { host })).status).toBe(403);
      expect((await send("POST", `${urls.admin}/quitquitquit`, { host, ...changing })).status).toBe(403);
    }
  });

  test("changes nothing without a header that a browser cannot send across sites", async () => {
    const { urls } = await gatewayInProcess({ config: config(), settingsEnv: withAdmin });
    for (const path of ["/quitquitquit", "/logging?level=debug"]) {
      expect((await send("POST", urls.admin + path)).status).toBe(403);
      expect((await send("GET", urls.admin + path, changing)).status).toBe(404);
      expect((await send("PUT", urls.admin + path, changing)).status).toBe(405);
    }
    // What a browser asks before it would send the header: there is no answer that allows it.
    const preflight = await send("OPTIONS", `${urls.admin}/quitquitquit`, { origin: "https://evil.example" });
    expect(preflight.status).toBe(405);
    expect(preflight.headers).not.toHaveProperty("access-control-allow-origin");
    expect((await ask(urls.binds[0]!)).status).toBe(200);
  });

  test("shows each key by name, source, fingerprint and state, and never its value", async () => {
    const { urls, keys } = await gatewayInProcess({ config: config(), settingsEnv: withAdmin });
    const { body } = await send("GET", `${urls.admin}/keys`);
    expect(JSON.parse(body)).toMatchObject({
      from: "gateway",
      config: "config.yaml",
      keys: [
        {
          name: "openai",
          source: "inline",
          place: "config.yaml:9:39",
          fingerprint: keys[0]!.fingerprint,
          state: "healthy",
          obtainedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
        },
      ],
    });
    expect(body).not.toContain("canary");
  });

  test("reads a key again when it is told to, and knows no other", async () => {
    const { urls, keys } = await gatewayInProcess({ config: config(), settingsEnv: withAdmin });
    const { status, body } = await send("POST", `${urls.admin}/keys/openai/refresh`, changing);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ name: "openai", version: 1, fingerprint: keys[0]!.fingerprint });
    expect((await send("POST", `${urls.admin}/keys/another/refresh`, changing)).status).toBe(404);
    expect((await send("POST", `${urls.admin}/keys/openai/refresh`)).status).toBe(403);
  });

  test("asks for config.adminToken, where there is one", async () => {
    const { urls } = await gatewayInProcess({
      config: config("{ adminToken: canary-admin-token }"),
      settingsEnv: withAdmin,
    });
    const statusWith = async (headers: Record<string, string>): Promise<number> =>
      (await send("GET", `${urls.admin}/keys`, headers)).status;
    expect(await statusWith({})).toBe(401);
    expect(await statusWith({ authorization: "Bearer canary-admin-tokem" })).toBe(401);
    expect(await statusWith({ authorization: "canary-admin-token" })).toBe(401);
    expect(await statusWith({ authorization: "Bearer canary-admin-token" })).toBe(200);
    expect((await send("POST", `${urls.admin}/quitquitquit`, changing)).status).toBe(401);
    expect(
      (await send("GET", `${urls.admin}/config_dump`, { authorization: "Bearer canary-admin-token" })).body,
    ).not.toContain("canary");
  });

  test("does not open beyond this machine without a token", async () => {
    const open = gatewayInProcess({ config: config(), settingsEnv: { ...withAdmin, ADMIN_ADDR: "0.0.0.0:0" } });
    await expect(open).rejects.toMatchObject({ errors: [{ code: "ADMIN_OPEN" }] });
  });

  test("dumps the config that runs, with nothing in it that may be a secret", async () => {
    const full = `
config: { fingerprintKey: canary-fingerprint-key }
binds:
- port: 0
  listeners:
  - routes:
    - matches:
      - path: { pathPrefix: /v1 }
        headers: [{ name: x-shared-secret, value: { exact: canary-match } }]
      backends:
      - ai:
          name: openai
          hostOverride: "${provider.host}"
          pathOverride: /v1/chat/completions?key=canary-in-path
          provider: { openAI: { model: gpt-4o } }
      policies:
        backendAuth: { key: "sk-canary-key" }
        requestHeaderModifier: { set: { x-tenant: canary-header } }
        apiKey: { keys: [{ key: canary-client-key, metadata: { note: canary-note } }] }
`;
    const { urls } = await gatewayInProcess({ config: full, settingsEnv: withAdmin });
    const { body } = await send("GET", `${urls.admin}/config_dump`);
    for (const shown of ["x-tenant", "x-shared-secret", provider.host, "gpt-4o", "<redacted>", "/v1"]) {
      expect(body).toContain(shown);
    }
    expect(body).not.toContain("canary");
  });

  test("sets the log level while it runs, in the threads that serve as well", async () => {
    const keybearer = await startKeybearer({ config: config(), env: { LOG_FORMAT: "json" } });
    await ask(keybearer.url);
    const wrong = await send("POST", `${keybearer.urls.admin}/logging?level=loud`, changing);
    expect(wrong).toMatchObject({ status: 400, body: "level is one of error, warn, info, debug, trace\n" });
    expect(await send("POST", `${keybearer.urls.admin}/logging?level=debug`, changing)).toMatchObject({ status: 200 });
    while (!keybearer.stderr.includes('"level":"debug"')) await ask(keybearer.url);
    const line = keybearer.stderr.split("\n").find((each) => each.includes('"level":"debug"'));
    expect(JSON.parse(line!)).toMatchObject({ key: { name: "openai", source: "inline" } });
    expect(keybearer.stderr).not.toContain("canary");
  });

  test("/quitquitquit drains and ends the process in order", async () => {
    const keybearer = await startKeybearer({ config: config() });
    const answer = await ask(keybearer.url, {
      body: { stream: true },
      headers: { "x-simulate": "events=8, delay-ms=40" },
    });
    expect(await send("POST", `${keybearer.urls.admin}/quitquitquit`, changing)).toMatchObject({ status: 200 });
    expect(await answer.text()).toMatch(/data: \[DONE\]\n\n$/);
    expect(await keybearer.ended).toMatchObject({ code: 0, signal: null });
  });
});

describe("the access log", () => {
  test("has one JSON line a request, on stdout: which route, which provider, which key, how much", async () => {
    const keybearer = await startKeybearer({ config: config() });
    const headers = { "x-request-id": "of-the-caller", "x-api-key": "canary-other" };
    await ask(keybearer.url, { path: "/v1/chat/completions?key=canary-query", headers }).then((answer) =>
      answer.text(),
    );
    await fetch(`${keybearer.url}/nope?key=canary-query`);
    await ask(keybearer.url, { body: { stream: true } }).then((answer) => answer.text());
    const [good, missing, streamed] = await keybearer.accessLog(3);
    const fingerprint = /^key {2}openai {2}inline {2}(\w+)/m.exec(keybearer.stderr)![1];
    expect(good).toMatchObject({
      level: "info",
      gateway: expect.stringMatching(/^bind\//),
      listener: "listener0",
      route: "listener0/route0",
      endpoint: provider.host,
      "src.addr": expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      "http.method": "POST",
      "http.path": "/v1/chat/completions",
      "http.version": expect.stringMatching(/1\.1$/),
      "http.status": 200,
      protocol: "llm",
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o-mini",
      "gen_ai.response.model": "gpt-4o-mini",
      "gen_ai.usage.input_tokens": expect.any(Number),
      "gen_ai.usage.output_tokens": expect.any(Number),
      "request.id": "of-the-caller",
      "key.name": "openai",
      "key.source": "inline",
      "key.fingerprint": fingerprint,
      duration: expect.stringMatching(/^\d+ms$/),
    });
    expect(missing).toMatchObject({ "http.path": "/nope", "http.status": 404, "error.code": "path_not_supported" });
    expect(missing).not.toHaveProperty("key.name");
    expect(streamed).toMatchObject({ "gen_ai.usage.output_tokens": expect.any(Number) });
    expect(keybearer.stdout + keybearer.stderr).not.toContain("canary");
  });

  test("is text where the config says so", async () => {
    const keybearer = await startKeybearer({ config: config("{ logging: { format: text } }") });
    await ask(keybearer.url).then((answer) => answer.text());
    const [line] = await keybearer.said("stdout", /^.*\n/);
    expect(line).toMatch(/^\S+\tinfo\trequest gateway=\S+ .* http\.status=200 .* key\.name=openai .*\n$/);
  });
});

test.skipIf(!hasTerminal)("the access log is text on a terminal (skipped where `script` makes none)", async () => {
  const keybearer = await startKeybearer({ config: config(), terminal: true });
  await ask(keybearer.url).then((answer) => answer.text());
  const [line] = await keybearer.said("stdout", /^.*\r\n/);
  expect(line).toMatch(/^\S+\tinfo\trequest .* http\.status=200 /);
});

describe("readiness and metrics", () => {
  test("count every request under agentgateway's names, with the key's name as a label", async () => {
    const keybearer = await startKeybearer({ config: config() });
    for (const _ of [1, 2, 3]) await ask(keybearer.url).then((answer) => answer.text());
    await fetch(`${keybearer.url}/nope`);
    await keybearer.accessLog(4);
    const answer = await fetch(`${keybearer.urls.stats}/metrics`);
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const metrics = await answer.text();
    const counted = Array.from(metrics.matchAll(/^agentgateway_requests_total\{(.*)\} (\d+)$/gm));
    const sum = (status: string) =>
      counted
        .filter(([, labels]) => labels!.includes(`status="${status}"`))
        .reduce((all, [, , n]) => all + Number(n), 0);
    expect([sum("200"), sum("404")]).toEqual([3, 1]);
    expect(metrics).toMatch(/agentgateway_requests_total\{.*key="openai".*\} 3/);
    expect(metrics).toMatch(/^agentgateway_gen_ai_client_token_usage_count/m);
    expect(metrics).not.toContain("canary");
    expect(await (await fetch(`${keybearer.urls.readiness}/healthz/ready`)).text()).toBe("ready\n");
  });

  test("off, for each of the small ports: it does not listen", async () => {
    const names = ["adminAddr", "statsAddr", "readinessAddr"] as const;
    const starts = names.map((name) =>
      startKeybearer({
        config: config(`{ ${name}: "off" }`),
        env: { [name.replace("Addr", "_ADDR").toUpperCase()]: "" },
      }),
    );
    const listening = (await Promise.all(starts)).map(({ urls: { admin, stats, readiness } }) =>
      [admin, stats, readiness].map((url) => url !== ""),
    );
    expect(listening).toEqual([
      [false, true, true],
      [true, false, true],
      [true, true, false],
    ]);
  });
});

/** fetch() writes a Host of its own. */
async function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: IncomingHttpHeaders;
    body: string;
  }>();
  httpRequest(url, { method, headers, agent: false }, (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    );
  })
    .on("error", reject)
    .end();
  return promise;
}
