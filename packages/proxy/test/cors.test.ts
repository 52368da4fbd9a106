import type { CorsPolicy } from "@keybearer/proxy";
import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ai, route } from "./definitions.ts";
import { chatPath, startProxy } from "./start-proxy.ts";

const policy: CorsPolicy = {
  allowOrigins: ["https://app.test", "http://localhost:5173"],
  allowMethods: ["GET", "POST"],
  allowHeaders: ["content-type", "authorization"],
  exposeHeaders: ["x-request-id"],
  allowCredentials: false,
  maxAgeSeconds: 600,
};

function startWith(cors: Partial<CorsPolicy> | undefined, refuseCrossSite = true, locked = false) {
  const apiKey = {
    mode: "strict",
    location: { header: { name: "authorization" } },
    keys: [{ sha256: hash("sha256", "alice", "hex"), metadata: {} }],
  } as const;
  return startProxy({
    routes: (upstream) => [
      route({
        policies: { refuseCrossSite, cors: cors && { ...policy, ...cors }, ...(locked ? { apiKey } : {}) },
        backends: [ai({ hostOverride: upstream.host })],
      }),
    ],
  });
}

const preflight = (origin: string) => ({
  method: "OPTIONS",
  path: chatPath,
  headers: [
    "origin",
    origin,
    "access-control-request-method",
    "POST",
    "access-control-request-headers",
    "authorization",
  ],
});

function corsHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("access-control-")));
}

describe("a preflight", () => {
  test("from an allowed origin is answered here, before any client key is asked for", async () => {
    const bed = await startWith({}, true, true);
    const { status, headers } = await bed.send(preflight("https://app.test"));
    expect(status).toBe(204);
    expect(headers["vary"]).toBe("Origin");
    expect(corsHeaders(headers)).toEqual({
      "access-control-allow-origin": "https://app.test",
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type, authorization",
      "access-control-max-age": "600",
    });
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test.each(["https://evil.test", "null", "https://app.test.evil.test", "http://app.test", "https://app.test:8443"])(
    "from %s is answered without leave",
    async (origin) => {
      const bed = await startWith({});
      const { status, headers } = await bed.send(preflight(origin));
      expect([status, corsHeaders(headers)]).toEqual([204, {}]);
    },
  );

  test("on a route without a cors policy is refused where cross-site calls are, else it is the backend's matter", async () => {
    const refusing = await startWith(undefined);
    expect((await refusing.send(preflight("https://app.test"))).status).toBe(403);
    const open = await startWith(undefined, false);
    expect((await open.send(preflight("https://app.test"))).status).toBe(404);
  });
});

describe("a browser's call", () => {
  test("from an allowed origin is served, and the provider's word on CORS does not count", async () => {
    const bed = await startWith({});
    const theirs = { "access-control-allow-origin": "*", "access-control-expose-headers": "x-theirs", vary: "accept" };
    bed.upstream.fault({ kind: "headers", headers: theirs });
    const { status, headers } = await bed.chat({}, { headers: ["Origin", "HTTPS://app.test"] });
    expect(status).toBe(200);
    expect(headers["vary"]).toBe("accept, Origin");
    expect(corsHeaders(headers)).toEqual({
      "access-control-allow-origin": "HTTPS://app.test",
      "access-control-expose-headers": "x-request-id",
    });
  });

  test.each(["https://evil.test", "null", "https://app.test.evil.test", "http://app.test", ""])(
    "from %j is 403 where the route would spend a key for anyone, and nothing leaves",
    async (origin) => {
      for (const cors of [{}, undefined]) {
        const bed = await startWith(cors);
        const { status, headers, body } = await bed.chat({}, { headers: ["origin", origin] });
        expect([status, JSON.parse(body.toString()).error.code]).toEqual([403, "cross_site_refused"]);
        expect(corsHeaders(headers)).toEqual({});
        expect(bed.upstream.connections.opened).toBe(0);
        expect(await bed.nextRecord()).toMatchObject({ reason: "Authorization", status: 403 });
      }
    },
  );

  test("from another origin is served where that is not refused, and the provider cannot give it leave to read", async () => {
    const bed = await startWith({}, false);
    bed.upstream.fault({ kind: "headers", headers: { "access-control-allow-origin": "*" } });
    const { status, headers } = await bed.chat({}, { headers: ["origin", "https://evil.test"] });
    expect([status, corsHeaders(headers)]).toEqual([200, {}]);
  });

  test("may read the errors that it gets", async () => {
    const bed = await startWith({}, true, true);
    const { status, headers } = await bed.chat({}, { headers: ["origin", "http://localhost:5173"] });
    expect([status, headers["access-control-allow-origin"]]).toEqual([401, "http://localhost:5173"]);
  });

  test.each([
    [{ allowOrigins: ["*"] }, "https://any.test", "*", undefined],
    [{ allowOrigins: ["*"] }, "null", "*", undefined],
    [{ allowOrigins: ["null"] }, "null", "null", undefined],
    [{ allowOrigins: ["*"], allowCredentials: true }, "https://any.test", "https://any.test", "true"],
    [{ allowCredentials: true }, "https://app.test", "https://app.test", "true"],
  ])("with %j from %s gets leave for %s", async (cors, origin, allowed, credentials) => {
    const bed = await startWith(cors);
    const { status, headers } = await bed.chat({}, { headers: ["origin", origin] });
    expect(status).toBe(200);
    expect(headers["access-control-allow-origin"]).toBe(allowed);
    expect(headers["access-control-allow-credentials"]).toBe(credentials);
  });
});
