import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { UrlRewrite } from "@keybearer/proxy";
import { ai, credential, host, route } from "./definitions.ts";
import { RawClient, requestBytes } from "./raw-client.ts";
import { KEY, startProxy } from "./start-proxy.ts";

/** Somewhere that no request may ever go. */
async function startElsewhere(): Promise<{ readonly address: string; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket: Socket) => {
    connections++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { address: `127.0.0.1:${address.port}`, connections: () => connections };
}

const rewrites = (evil: string): readonly (UrlRewrite | undefined)[] => [
  undefined,
  { authority: "none" },
  { authority: "auto" },
  { path: { full: `//${evil}/v1/models` } },
  { path: { prefix: `http://${evil}` } },
];

function hostileRequest(evil: string) {
  const evilUrl = `http://${evil}`;
  const paths = [
    "/v1/chat/completions",
    "/v1/models",
    "/v1/embeddings",
    `//${evil}/v1/models`,
    `/@${evil}/v1/models`,
    `/v1/models/${evil}`,
    `/v1/models/@${evil}`,
    `/http://${evil}/v1/models`,
    "/",
  ];
  const path = fc.oneof(
    fc.constantFrom(...paths),
    fc.constantFrom(...paths.map((each) => evilUrl + each)),
    fc.constantFrom(`HTTPS://${evil}/v1/models`, `http://user:pass@${evil}/`, `${evil}/v1/models`, `@${evil}`),
    fc.webPath().map((each) => `/v1/models/${each}`),
    fc.webPath().map((each) => each || "/"),
  );
  const name = fc.constantFrom(
    "x-forwarded-host",
    "x-forwarded-for",
    "forwarded",
    "x-original-url",
    "x-rewrite-url",
    "referer",
    "via",
    "x-host",
    "proxy-connection",
    "location",
  );
  const value = fc.constantFrom(evil, evilUrl, `host=${evil}`, `${evilUrl}/v1/models`);
  return fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"),
    path: fc.tuple(path, fc.webQueryParameters()).map(([target, query]) => `${target}?${query}&url=${evilUrl}`),
    host: fc.constantFrom(
      "gateway.test",
      evil,
      `${evil.split(":")[0]}`,
      `gateway.test@${evil}`,
      `[::1]:${evil.split(":")[1]}`,
    ),
    headers: fc.array(fc.tuple(name, value), { maxLength: 4 }).map((pairs) => pairs.flat()),
    body: fc.option(
      fc
        .constantFrom("gpt", evil, evilUrl, `@${evil}`, `${evil}/gpt`)
        .map((model) => JSON.stringify({ model, input: "x" })),
      { nil: undefined },
    ),
    redirect: fc.constantFrom(undefined, 301, 302, 303, 307, 308),
    rewrite: fc.nat(4),
    plain: fc.boolean(),
  });
}

test("a key goes to its backend's own address, with that backend's Host, whatever the request says", async () => {
  const elsewhere = await startElsewhere();
  const evil = elsewhere.address;
  const bed = await startProxy({
    simulator: { keys: [KEY] },
    routes: (upstream) =>
      rewrites(evil).flatMap((urlRewrite, index) =>
        [true, false].map((plain) =>
          route({
            name: `${index} ${plain}`,
            matches: [
              {
                path: { pathPrefix: "/" },
                headers: [{ name: "x-pick", value: { exact: `${index} ${plain}` } }],
                query: [],
              },
            ],
            policies: { urlRewrite },
            backends: [
              plain
                ? host({ host: upstream.host, credential: credential("key") })
                : ai({ hostOverride: upstream.host, routes: { "*": "passthrough" } }),
            ],
          }),
        ),
      ),
  });
  let reached = 0;
  await fc.assert(
    fc.asyncProperty(hostileRequest(evil), async ({ redirect, rewrite, plain, headers, body, ...request }) => {
      bed.upstream.clear();
      if (redirect !== undefined)
        bed.upstream.fault({ kind: "redirect", location: `http://${evil}/v1/models`, status: redirect });
      const client = await RawClient.connect(bed.port);
      client.send(
        requestBytes({
          ...request,
          headers: [...headers, "x-pick", `${rewrite} ${plain}`],
          ...(body === undefined ? {} : { body }),
        }),
      );
      const { status } = await client.response({ head: request.method === "HEAD" });
      client.close();
      expect(elsewhere.connections()).toBe(0);
      for (const received of bed.upstream.requests) {
        reached++;
        expect(received.headers["host"]).toBe(bed.upstream.host);
        expect(received.key).toBe(KEY);
        if (redirect !== undefined) expect(status).toBe(redirect);
      }
    }),
    { numRuns: 300 },
  );
  // The property is about requests that go out: most do.
  expect(reached).toBeGreaterThan(100);
});
