import type { AiBackend, HeaderModifier, HostBackend, RoutePolicies, UrlRewrite } from "@keybearer/proxy";
import { describe, expect, test } from "vitest";
import { ai, answering, credential, host, match, route } from "./definitions.ts";
import { chatPath, KEY, startProxy } from "./start-proxy.ts";

function modifier(parts: Partial<HeaderModifier>): HeaderModifier {
  return { set: [], add: [], remove: [], ...parts };
}

function startWith(policies: Partial<RoutePolicies>, parts: Omit<Partial<AiBackend>, "hostOverride"> = {}) {
  return startProxy({
    routes: (upstream) => [route({ policies, backends: [ai({ hostOverride: upstream.host, ...parts })] })],
  });
}

describe("header modifiers", () => {
  test("of a route, a backend and its provider apply in this order, after the caller's credentials are gone", async () => {
    const bed = await startWith(
      {
        requestHeaders: modifier({
          set: [
            ["X-Level", "route"],
            ["x-route", "1"],
          ],
          remove: ["X-Gone"],
        }),
      },
      {
        requestHeaders: [
          modifier({
            set: [
              ["x-level", "backend"],
              ["x-api-key", "tenant"],
            ],
            add: [["x-many", "b"]],
          }),
          modifier({ set: [["x-level", "provider"]], add: [["X-Many", "c"]] }),
        ],
      },
    );
    await bed.chat({}, { headers: ["x-level", "caller", "x-gone", "1", "x-many", "a", "x-api-key", "the caller's"] });
    const [request] = bed.upstream.requests;
    expect(request?.headers).toMatchObject({
      "x-level": "provider",
      "x-route": "1",
      "x-many": "a, b, c",
      "x-api-key": "tenant",
    });
    expect(request?.headers).not.toHaveProperty("x-gone");
    expect(request?.headers["authorization"]).toBe(`Bearer ${KEY}`);
  });

  test("on an answer apply in the same order", async () => {
    const bed = await startWith(
      { responseHeaders: modifier({ set: [["x-level", "route"]], remove: ["OpenAI-Organization"] }) },
      { responseHeaders: [modifier({ add: [["x-level", "backend"]] })] },
    );
    const { headers } = await bed.chat();
    expect(headers["x-level"]).toBe("route, backend");
    expect(headers).not.toHaveProperty("openai-organization");
  });

  test("on an answer that cannot be sent are an error of ours, and the provider is not kept busy", async () => {
    const bed = await startWith({ responseHeaders: modifier({ set: [["x-a", "line\nbreak"]] }) });
    for (const more of [{}, { stream: true }]) {
      bed.upstream.fault({ kind: "stall-after-events", afterEvents: 1 });
      const { status, body } = await bed.chat(more);
      expect([status, JSON.parse(body.toString()).error.code]).toEqual([500, "internal_error"]);
      await bed.upstream.waitForAbort();
      bed.upstream.clear();
      expect(bed.faults.splice(0)).toHaveLength(1);
      expect(await bed.nextRecord()).toMatchObject({ status: 500, reason: "Internal" });
    }
  });

  test("cannot touch the framing, and may name the Host", async () => {
    const names = ["transfer-encoding", "content-length", "connection", "upgrade", "expect", "te"];
    const bed = await startWith({
      requestHeaders: modifier({
        set: names.map((name) => [name, "7"]),
        add: [
          ["host", "tenant.test"],
          ["Keep-Alive", "9"],
        ],
      }),
    });
    expect((await bed.chat()).status).toBe(200);
    expect((await bed.send({ path: "/v1/embeddings", body: '{"model":"m","input":"x"}' })).status).toBe(200);
    for (const { headers, body } of bed.upstream.requests) {
      expect(headers).toMatchObject({ host: "tenant.test", "content-length": String(body.length) });
      for (const name of ["upgrade", "expect", "te"]) expect(headers).not.toHaveProperty(name);
    }
  });
});

describe("urlRewrite", () => {
  const rewritten = async (urlRewrite: UrlRewrite, path: string, prefix: string, parts: Partial<HostBackend> = {}) => {
    const bed = await startProxy({
      routes: (upstream) => [
        route({
          matches: [match({ path: { pathPrefix: prefix } }), match({ path: { exact: "/exact" } })],
          policies: { urlRewrite },
          backends: [host({ host: upstream.host, ...parts })],
        }),
      ],
    });
    await bed.send({ path });
    const [request] = bed.upstream.requests;
    return { url: `${request?.path}?${request?.query}`, host: request?.headers["host"], own: bed.upstream.host };
  };

  test.each([
    [{ full: "/v1/models" }, "/a/b?x=1", "/a", "/v1/models?x=1"],
    [{ prefix: "/v1" }, "/a/models?x=%2F", "/a", "/v1/models?x=%2F"],
    [{ prefix: "/v1/" }, "/a/models", "/a/", "/v1/models?"],
    [{ prefix: "/" }, "/a/v1/models", "/a", "/v1/models?"],
    [{ prefix: "/" }, "/a", "/a", "/?"],
    [{ prefix: "/v1" }, "/models", "/", "/v1/models?"],
    [{ prefix: "/v1" }, "/exact", "/a", "/exact?"],
    [undefined, "/a/%41?x", "/a", "/a/%41?x"],
  ])("with path %j makes of %s under the prefix %s: %s", async (path, from, prefix, expected) => {
    expect((await rewritten({ path }, from, prefix)).url).toBe(expected);
  });

  test.each([
    ["auto", "own", "own"],
    ["none", "gateway.test", "own"],
    [{ full: "tenant.test:99" }, "tenant.test:99", "tenant.test:99"],
    [{ host: "tenant.test" }, "tenant.test:own", "tenant.test:own"],
    [{ port: 99 }, "127.0.0.1:99", "127.0.0.1:99"],
  ] as const)(
    "with authority %j tells the Host %s, beside a key %s, and goes nowhere else",
    async (authority, plain, keyed) => {
      for (const [expected, parts] of [
        [plain, {}],
        [keyed, { credential: credential("key") }],
      ] as const) {
        const { host, own } = await rewritten({ authority }, "/", "/", parts);
        expect(host).toBe(expected === "own" ? own : expected.replace("own", own.split(":")[1] ?? ""));
      }
    },
  );

  test("makes the path that an LLM call is told by", async () => {
    const bed = await startProxy({
      routes: (upstream) => [
        route({
          matches: [match({ path: { pathPrefix: "/team" } })],
          policies: { urlRewrite: { path: { prefix: "/" } } },
          backends: [ai({ hostOverride: upstream.host })],
        }),
      ],
    });
    expect((await bed.chat({}, { path: `/team${chatPath}` })).status).toBe(200);
    expect(bed.upstream.requests[0]?.path).toBe(chatPath);
    expect((await bed.send({ path: "/team/v1/threads", body: "{}" })).status).toBe(404);
  });
});

describe("the path at the provider", () => {
  test.each<readonly [Omit<Partial<AiBackend>, "hostOverride">, string, string, string]>([
    [{}, "/v1/models?limit=2", "GET", "/v1/models?limit=2"],
    [{}, "/mine/chat", "POST", "/mine/chat?"],
    [{ pathPrefix: "/base" }, chatPath, "POST", "/base/chat/completions?"],
    [{ pathPrefix: "/base/" }, "/mine/chat?a=1", "POST", "/base/chat/completions?a=1"],
    [{ pathOverride: "/deep/chat?api-version=3" }, `${chatPath}?a=1`, "POST", "/deep/chat?api-version=3"],
    [{ routes: { "*": "passthrough" } }, "/v1/threads?a", "GET", "/v1/threads?a"],
    [{ routes: { "*": "passthrough" }, pathPrefix: "/base" }, "/v1/threads", "GET", "/base/threads?"],
    [
      { routes: { "/talk": "completions", "*": "passthrough" }, pathPrefix: "/v1" },
      "/my/talk",
      "POST",
      "/v1/chat/completions?",
    ],
  ])("of %j for %s is %s: %s", async (parts, path, method, expected) => {
    const bed = await startWith({}, parts);
    await bed.send({ method, path, ...(method === "POST" ? { body: '{"messages":[]}' } : {}) });
    const [request] = bed.upstream.requests;
    expect([request?.method, `${request?.path}?${request?.query}`]).toEqual([method, expected]);
  });

  test.each(["/v1/organization/users", "/v1/threads", "/v1/models/..%2forganization", "/v1//models", "/other"])(
    "%s is none of an inference call: 404, and nothing leaves",
    async (path) => {
      const bed = await startWith({});
      const { status } = await bed.send({ path });
      expect([400, 404]).toContain(status);
      expect(bed.upstream.connections.opened).toBe(0);
    },
  );
});

describe("a direct response", () => {
  test("is as it was written, and its record says so", async () => {
    const directResponse = {
      status: 403,
      body: "gr\u00fc\u00df",
      headers: [
        ["Content-Type", "text/plain"],
        ["x-a", "1"],
      ] as const,
    };
    const bed = await startProxy({ routes: () => [route({ policies: { directResponse } })] });
    const { status, headers, body } = await bed.send({ headers: ["x-request-id", "r-1"] });
    expect([status, body.toString()]).toEqual([403, "gr\u00fc\u00df"]);
    expect(headers).toMatchObject({
      "content-type": "text/plain",
      "x-a": "1",
      "content-length": "6",
      "x-request-id": "r-1",
    });
    expect(await bed.nextRecord()).toMatchObject({ status: 403, reason: "DirectResponse", responseBytes: 6 });
    const head = await bed.send({ method: "HEAD" });
    expect(head).toMatchObject({ status: 403, headers: { "content-length": "6" } });
  });

  test("that cannot be sent is an error of ours, and the port serves on", async () => {
    const broken = { status: 200, body: "", headers: [["x-a", "line\nbreak"]] as const };
    const bed = await startProxy({
      routes: () => [
        answering("fine"),
        route({ matches: [match({ path: { exact: "/b" } })], policies: { directResponse: broken } }),
      ],
    });
    const { status, body } = await bed.send({ path: "/b" });
    expect([status, JSON.parse(body.toString()).error.code]).toEqual([500, "internal_error"]);
    expect(bed.faults.splice(0)).toHaveLength(1);
    expect((await bed.send({})).body.toString()).toBe("fine");
  });
});

test("backends share by weight; one of weight 0 gets nothing, and none at all is 503", async () => {
  const picks = [0, 0.24, 0.26, 0.99, 0.5];
  const bed = await startProxy({
    random: () => picks.shift() ?? 0,
    routes: (upstream) => [
      route({
        backends: [
          ai({ name: "one", hostOverride: upstream.host }),
          ai({ name: "idle", hostOverride: upstream.host, weight: 0 }),
          ai({ name: "three", hostOverride: upstream.host, weight: 3 }),
        ],
      }),
      route({
        matches: [match({ path: { exact: "/none" } })],
        backends: [ai({ hostOverride: upstream.host, weight: 0 })],
      }),
    ],
  });
  const chosen = [];
  for (let turn = 0; turn < 4; turn++) {
    await bed.chat();
    chosen.push((await bed.nextRecord()).backend);
  }
  expect(chosen).toEqual(["one", "one", "three", "three"]);
  const { status, body } = await bed.send({ path: "/none" });
  expect([status, JSON.parse(body.toString()).error.code]).toEqual([503, "no_backend"]);
});
