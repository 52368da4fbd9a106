import type { CredentialEntry } from "@keybearer/proxy";
import { SecretError, type Credential } from "@keybearer/secrets";
import type { ReceivedRequest } from "@keybearer/simulator";
import { describe, expect, test } from "vitest";
import { callerToken } from "./caller-token.ts";
import { ai, credential, host, route } from "./definitions.ts";
import { headerLines } from "./raw-client.ts";
import { KEY, keyCredential, startProxy, type TestBed } from "./start-proxy.ts";

/** Everything of a caller's that may be a credential, each with `hush` in it. */
const callersOwn = headerLines(`
  Authorization: Bearer hush-1
  AUTHORIZATION: Basic hush-2
  Proxy-Authorization: Basic hush-3
  X-Api-Key: hush-4
  api-key: hush-5
  x-goog-api-key: hush-6
  OpenAI-Organization: org-hush
  openai-project: proj-hush
  Cookie: session=hush-7
  cookie: a=hush-8
`);
const callersQuery = "?key=hush-9&%6bey=hush-a&%6B%65%79=hush-b&limit=2&a=1;key=hush-c&key";

function received(request: ReceivedRequest | undefined): string {
  return JSON.stringify([request?.path, request?.query, request?.rawHeaders]);
}

async function models(bed: TestBed, path = "/v1/models", headers: readonly string[] = []): Promise<ReceivedRequest> {
  const before = bed.upstream.requests.length;
  await bed.send({ path, headers });
  const request = bed.upstream.requests[before];
  if (!request) throw new Error("nothing reached the upstream");
  return request;
}

function withEntries(entries: readonly CredentialEntry[], credentials: Readonly<Record<string, Credential>> = {}) {
  return startProxy({
    credentials,
    routes: (upstream) => [route({ backends: [ai({ hostOverride: upstream.host, credential: { entries } })] })],
  });
}

describe("the configured key", () => {
  test("arrives as a bearer token where its config says nothing else, and the record names it", async () => {
    const bed = await startProxy();
    const { headers } = await models(bed);
    expect(headers["authorization"]).toBe(`Bearer ${KEY}`);
    const { key } = await bed.nextRecord();
    expect(key).toEqual({ name: "main", source: "inline", fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/) });
  });

  test("arrives in the header that its config names, and nowhere else", async () => {
    const bed = await withEntries([{ id: "key", location: { header: { name: "Api-Key" } } }]);
    const request = await models(bed, "/v1/models", callersOwn);
    expect(request.headers["api-key"]).toBe(KEY);
    expect(received(request)).not.toContain("hush");
    expect(request.headers).not.toHaveProperty("authorization");
  });

  test("arrives with the prefix that its config names", async () => {
    const bed = await withEntries([{ id: "key", location: { header: { name: "x-key", prefix: "Token " } } }]);
    expect((await models(bed)).headers["x-key"]).toBe(`Token ${KEY}`);
  });

  test("arrives in the query, in place of the caller's", async () => {
    const bed = await withEntries([{ id: "key", location: { queryParameter: { name: "key" } } }]);
    expect((await models(bed, `/v1/models${callersQuery}`)).query).toBe(`limit=2&key=${KEY}`);
    expect((await models(bed)).query).toBe(`key=${KEY}`);
  });

  test("arrives as a cookie, without the caller's", async () => {
    const bed = await withEntries([{ id: "key", location: { cookie: { name: "session" } } }]);
    const request = await models(bed, "/v1/models", callersOwn);
    expect(request.headers["cookie"]).toBe(`session=${KEY}`);
    expect(received(request)).not.toContain("hush");
  });

  test("arrives with others, each in its place", async () => {
    const bed = await withEntries([{ id: "key" }, { id: "second", location: { header: { name: "x-second" } } }], {
      second: keyCredential("sk-second"),
    });
    expect((await models(bed)).headers).toMatchObject({ authorization: `Bearer ${KEY}`, "x-second": "sk-second" });
    expect(bed.outcomes).toEqual([
      { kind: "answered", status: 200 },
      { kind: "answered", status: 200 },
    ]);
  });

  test("that is not to be had stops the request: 503, no call, and the other key is given back", async () => {
    const lost: Credential = {
      acquire: () => {
        throw new SecretError("SECRET_EXPIRED", "vault", "the key has expired");
      },
    };
    const bed = await withEntries([{ id: "key" }, { id: "lost", location: { header: { name: "x-b" } } }], { lost });
    const { status, body } = await bed.chat();
    expect([status, JSON.parse(body.toString()).error.code]).toEqual([503, "credential_unavailable"]);
    expect(bed.upstream.connections.opened).toBe(0);
    expect(bed.outcomes).toEqual([{ kind: "abandoned" }]);
    expect(await bed.nextRecord()).toMatchObject({ reason: "NoHealthyBackend", key: undefined });
  });
});

describe("what the caller holds for the gateway", () => {
  test.each([
    ["an ai backend", (upstream: string) => ai({ hostOverride: upstream })],
    ["an ai backend without a key", (upstream: string) => ai({ hostOverride: upstream, credential: undefined })],
    ["a host backend with a key", (upstream: string) => host({ host: upstream, credential: credential("key") })],
  ])("never reaches %s", async (_, backend) => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [backend(upstream.host)] })] });
    const request = await models(bed, `/v1/models${callersQuery}`, [...callersOwn, "x-plain", "goes on"]);
    expect(received(request)).not.toContain("hush");
    expect(request.query).toBe("limit=2");
    expect(request.headers["x-plain"]).toBe("goes on");
  });

  test("reaches a plain host backend: that is an ordinary reverse proxy", async () => {
    const bed = await startProxy({ routes: (upstream) => [route({ backends: [host({ host: upstream.host })] })] });
    const request = await models(bed, `/v1/models${callersQuery}`, callersOwn);
    expect(request.query).toBe(callersQuery.slice(1));
    const sent = request.rawHeaders.join("\n").toLowerCase();
    for (const value of callersOwn.filter((_, index) => index % 2 === 1)) expect(sent).toContain(value.toLowerCase());
  });

  test("ends here when the header Connection names it, and so does what it names beside", async () => {
    const bed = await startProxy();
    const headers = [
      "Connection",
      "x-named, Authorization",
      "connection",
      "x-other",
      "x-named",
      "hush",
      "x-other",
      "hush",
    ];
    const request = await models(bed, "/v1/models", [...headers, "authorization", "Bearer hush", "x-kept", "kept"]);
    expect(received(request)).not.toContain("hush");
    expect(request.headers).toMatchObject({ authorization: `Bearer ${KEY}`, "x-kept": "kept" });
  });
});

test.each([
  ["an ai backend", (upstream: string) => ai({ hostOverride: upstream }), undefined],
  [
    "a host backend with a key",
    (upstream: string) => host({ host: upstream, credential: credential("key") }),
    undefined,
  ],
  ["a plain host backend", (upstream: string) => host({ host: upstream }), "a=1, b=2"],
])("the provider's cookies: %s", async (_, backend, expected) => {
  const bed = await startProxy({ routes: (upstream) => [route({ backends: [backend(upstream.host)] })] });
  bed.upstream.fault({ kind: "headers", headers: { "set-cookie": ["a=1", "b=2"], "x-kept": "kept" } });
  const { headers } = await bed.send({ path: "/v1/models", headers: ["x-api-key", "any"] });
  expect(headers["set-cookie"]).toBe(expected);
  expect(headers["x-kept"]).toBe("kept");
});

describe("passthrough", () => {
  const entry: CredentialEntry = { id: "caller" };

  test.each([
    ["Authorization", ["Authorization", "bearer sk-mine", "x-api-key", "other"], "/v1/models"],
    ["x-api-key", ["X-Api-Key", "sk-mine", "api-key", "other"], "/v1/models"],
    ["api-key", ["api-key", "sk-mine", "x-goog-api-key", "other"], "/v1/models"],
    ["x-goog-api-key", ["x-goog-api-key", "sk-mine"], "/v1/models?key=other"],
    ["?key=", [], "/v1/models?%6bey=sk-mine"],
    [
      "a header after an Authorization that is no bearer",
      ["authorization", "Basic x", "x-api-key", "sk-mine"],
      "/v1/models",
    ],
  ])("takes the caller's token from %s and puts it where the provider wants it, alone", async (_, headers, path) => {
    const bed = await withEntries([entry]);
    const request = await models(bed, path, headers);
    expect(request.headers["authorization"]).toBe("Bearer sk-mine");
    expect(request.query).toBe("");
    for (const name of ["x-api-key", "api-key", "x-goog-api-key"]) expect(request.headers).not.toHaveProperty(name);
    expect((await bed.nextRecord()).key).toMatchObject({ name: "caller", source: "passthrough" });
  });

  test.each([
    ["a header", { header: { name: "X-Tenant-Key" } }, ["x-tenant-key", "sk-mine"], "/v1/models"],
    ["a query parameter", { queryParameter: { name: "tok" } }, [], "/v1/models?%74ok=sk-mine&limit=1"],
    ["a cookie", { cookie: { name: "tok" } }, ["cookie", "a=b; tok=sk-mine"], "/v1/models"],
  ] as const)(
    "takes it from the one place that its config names, %s, and it goes on from there to its location",
    async (_, from, headers, path) => {
      const bed = await withEntries([{ id: "tenant", from, location: { header: { name: "x-goog-api-key" } } }], {
        tenant: callerToken("tenant", from),
      });
      const request = await models(bed, path, [...headers, "authorization", "Bearer other"]);
      expect(request.headers["x-goog-api-key"]).toBe("sk-mine");
      expect(received(request).split("sk-mine")).toHaveLength(2);
      expect(received(request)).not.toContain("other");
    },
  );

  test("without a token is 401 with WWW-Authenticate, and nothing leaves", async () => {
    const bed = await withEntries([entry]);
    const { status, headers, body } = await bed.chat({}, { headers: ["authorization", "Basic dXNlcg=="] });
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toMatch(/^Bearer /);
    expect(JSON.parse(body.toString()).error).toMatchObject({
      type: "invalid_request_error",
      code: "caller_token_missing",
    });
    expect(bed.upstream.connections.opened).toBe(0);
    expect(await bed.nextRecord()).toMatchObject({ status: 401, reason: "APIKeyAuth" });
  });

  test("with a token that no header can carry is 401, and the token is not in the answer", async () => {
    const bed = await withEntries([entry]);
    const { status, body } = await bed.chat({}, { path: "/v1/chat/completions?key=sk-ev%0d%0ail" });
    expect([status, JSON.parse(body.toString()).error.code]).toEqual([401, "caller_token_malformed"]);
    expect(body.toString()).not.toContain("sk-ev");
    expect(bed.upstream.connections.opened).toBe(0);
  });
});
