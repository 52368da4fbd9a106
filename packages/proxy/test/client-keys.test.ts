import { hash } from "node:crypto";
import type { ApiKeyPolicy } from "@keybearer/proxy";
import { describe, expect, test } from "vitest";
import { ai, credential, host, route } from "./definitions.ts";
import { KEY, startProxy } from "./start-proxy.ts";

const bearer = { header: { name: "Authorization", prefix: "Bearer " } };
const keys = [{ sha256: hash("sha256", "alice-key", "hex"), metadata: { user: "alice" } }];
const good = ["authorization", "Bearer alice-key"];

function startWith(policy: Partial<ApiKeyPolicy>, credentialId = "key") {
  const apiKey = { mode: "strict", location: bearer, keys, ...policy } as const;
  return startProxy({
    routes: (upstream) => [
      route({
        policies: { apiKey },
        backends: [ai({ hostOverride: upstream.host, credential: credential(credentialId) })],
      }),
    ],
  });
}

describe("a client key", () => {
  test("that is known opens the route, is taken out, and its metadata is in the record", async () => {
    const bed = await startWith({});
    expect((await bed.chat({}, { headers: good })).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual([KEY]);
    expect(await bed.nextRecord()).toMatchObject({ caller: { user: "alice" } });
  });

  test.each([
    ["strict", [], 401, "client_key_missing"],
    ["strict", ["authorization", "Basic alice-key"], 401, "client_key_missing"],
    ["strict", ["authorization", "Bearer "], 401, "client_key_missing"],
    ["strict", ["authorization", "Bearer wrong"], 401, "client_key_invalid"],
    ["strict", ["authorization", "Bearer alice-key2"], 401, "client_key_invalid"],
    ["strict", ["x-api-key", "alice-key"], 401, "client_key_missing"],
    ["optional", [], 200, undefined],
    ["optional", ["authorization", "Bearer wrong"], 401, "client_key_invalid"],
    ["permissive", [], 200, undefined],
    ["permissive", ["authorization", "Bearer wrong"], 200, undefined],
  ] as const)("%s with %j is %i", async (mode, headers, expected, code) => {
    const bed = await startWith({ mode });
    const { status, headers: answered, body } = await bed.chat({}, { headers });
    expect(status).toBe(expected);
    expect(await bed.nextRecord()).toMatchObject({ caller: undefined, errorCode: code });
    if (expected === 200) {
      expect(bed.upstream.keysSeen).toEqual([KEY]);
      return;
    }
    expect(bed.upstream.connections.opened).toBe(0);
    expect(answered["www-authenticate"]).toBeDefined();
    expect(body.toString()).not.toMatch(/alice|wrong/);
    expect(JSON.parse(body.toString()).error.code).toBe(code);
  });

  test.each([
    ["a header", { header: { name: "X-Client" } }, ["x-client", "alice-key"], ""],
    ["a header with a prefix", { header: { name: "x-client", prefix: "Key " } }, ["x-client", "key alice-key"], ""],
    ["a query parameter", { queryParameter: { name: "client" } }, [], "?a=1&cl%69ent=alice-key"],
    ["a cookie", { cookie: { name: "client" } }, ["cookie", "a=1; client=alice-key; b=2"], ""],
  ] as const)(
    "may stand in %s, and does not go on from there even to a plain backend",
    async (_, location, headers, query) => {
      const apiKey = { mode: "strict", location, keys } as const;
      const bed = await startProxy({
        routes: (upstream) => [route({ policies: { apiKey }, backends: [host({ host: upstream.host })] })],
      });
      const path = `/v1/models${query}`;
      expect((await bed.send({ path, headers: [...headers, "x-api-key", "other"] })).status).toBe(200);
      const [request] = bed.upstream.requests;
      expect(JSON.stringify([request?.rawHeaders, request?.query])).not.toContain("alice-key");
      expect(request?.query).toBe(query === "" ? "" : "a=1");
      expect(request?.headers["cookie"]).toBe("cookie" in location ? "a=1; b=2" : undefined);
    },
  );
});

describe("passthrough behind a client key", () => {
  test("does not take the key that opened the route, but the next token", async () => {
    const bed = await startWith({}, "caller");
    expect((await bed.chat({}, { headers: [...good, "x-api-key", "sk-mine"] })).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual(["sk-mine"]);
  });

  test("has no token where the key that opened the route was the only one", async () => {
    const bed = await startWith({}, "caller");
    const { status, body } = await bed.chat({}, { headers: good });
    expect([status, JSON.parse(body.toString()).error.code]).toEqual([401, "caller_token_missing"]);
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test("does not take a key that opened the route from the query either", async () => {
    const bed = await startWith({ location: { queryParameter: { name: "key" } } }, "caller");
    const path = "/v1/chat/completions?key=alice-key";
    expect((await bed.chat({}, { path })).status).toBe(401);
    expect((await bed.chat({}, { path, headers: ["api-key", "sk-mine"] })).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual(["sk-mine"]);
  });

  test("takes a token that a permissive policy did not know", async () => {
    const bed = await startWith({ mode: "permissive" }, "caller");
    expect((await bed.chat({}, { headers: ["authorization", "Bearer sk-mine"] })).status).toBe(200);
    expect(bed.upstream.keysSeen).toEqual(["sk-mine"]);
  });
});
