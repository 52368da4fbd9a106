import { describe, expect, test } from "vitest";
import { answering, match } from "./definitions.ts";
import type { SendOptions } from "./raw-client.ts";
import { startProxy } from "./start-proxy.ts";

type Case = readonly [request: SendOptions, expected: string | undefined];

async function check(routes: readonly ReturnType<typeof answering>[], cases: readonly Case[]): Promise<void> {
  const bed = await startProxy({ routes: () => routes });
  for (const [request, expected] of cases) {
    const { status, body } = await bed.send(request);
    expect({ request, answer: status === 404 ? undefined : body.toString() }).toEqual({ request, answer: expected });
  }
}

describe("the route that serves a request", () => {
  test("has the exact path, before any prefix and however long", () =>
    check(
      [
        answering("prefix", { matches: [match({ path: { pathPrefix: "/v1/chat" } })] }),
        answering("exact", { matches: [match({ path: { exact: "/v1/chat" } })] }),
        answering("all"),
      ],
      [
        [{ path: "/v1/chat" }, "exact"],
        [{ path: "/v1/chat?a=b" }, "exact"],
        [{ path: "/v1/chat/" }, "prefix"],
        [{ path: "/v1/chat/x" }, "prefix"],
        [{ path: "/v1/chats" }, "all"],
      ],
    ));

  test("has the longest prefix that ends with a segment", () =>
    check(
      [
        answering("short", { matches: [match({ path: { pathPrefix: "/a" } })] }),
        answering("long", { matches: [match({ path: { pathPrefix: "/a/b/" } })] }),
      ],
      [
        [{ path: "/a" }, "short"],
        [{ path: "/a/" }, "short"],
        [{ path: "/a/bc" }, "short"],
        [{ path: "/a/b" }, "long"],
        [{ path: "/a/b/c" }, "long"],
        [{ path: "/ab" }, undefined],
        [{ path: "/A" }, undefined],
        [{ path: "/" }, undefined],
      ],
    ));

  test("has a regular expression that fits the whole path, and ranks among the prefixes by its length", () =>
    check(
      [
        answering("prefix", { matches: [match({ path: { pathPrefix: "/v1/models" } })] }),
        answering("regex", { matches: [match({ path: { regex: "/v[0-9]+/models/gpt.*" } })] }),
        answering("short regex", { matches: [match({ path: { regex: "/v./m.*" } })] }),
      ],
      [
        [{ path: "/v1/models/gpt-4o" }, "regex"],
        [{ path: "/v2/models/gpt-4o" }, "regex"],
        [{ path: "/v1/models/o1" }, "prefix"],
        [{ path: "/v2/models" }, "short regex"],
        [{ path: "/x/v2/models/gpt-4o" }, undefined],
      ],
    ));

  test("has a method before one that has none, headers before query parameters, and more of them before fewer", () =>
    check(
      [
        answering("plain"),
        answering("query", { matches: [match({ query: [{ name: "q", value: { exact: "1" } }] })] }),
        answering("one header", { matches: [match({ headers: [{ name: "X-A", value: { exact: "1" } }] })] }),
        answering("two headers", {
          matches: [
            match({
              headers: [
                { name: "x-a", value: { exact: "1" } },
                { name: "x-b", value: { regex: "[a-c]+" } },
              ],
            }),
          ],
        }),
        answering("method", { matches: [match({ method: "PUT" })] }),
      ],
      [
        [{}, "plain"],
        [{ path: "/?q=1" }, "query"],
        [{ path: "/?q=12" }, "plain"],
        [{ path: "/?q=0&q=1" }, "plain"],
        [{ path: "/?%71=%31" }, "query"],
        [{ path: "/?q=1", headers: ["x-a", "1"] }, "one header"],
        [{ headers: ["x-a", "11"] }, "plain"],
        [{ headers: ["X-a", "1", "x-B", "abc"] }, "two headers"],
        [{ headers: ["x-a", "1", "x-b", "abcd"] }, "one header"],
        [{ method: "PUT", headers: ["x-a", "1", "x-b", "abc"] }, "method"],
      ],
    ));

  test("is the first of equals; the matches of a route are alternatives", () =>
    check(
      [
        answering("first", { matches: [match({ path: { exact: "/a" } }), match({ path: { exact: "/b" } })] }),
        answering("second", { matches: [match({ path: { exact: "/b" } }), match({ path: { exact: "/c" } })] }),
      ],
      [
        [{ path: "/a" }, "first"],
        [{ path: "/b" }, "first"],
        [{ path: "/c" }, "second"],
        [{ path: "/d" }, undefined],
      ],
    ));

  test("has the most specific host name, and one less specific where none of its routes fits", () =>
    check(
      [
        answering("any"),
        answering("wild", { hostnames: ["*.example.com"], matches: [match({ path: { pathPrefix: "/w" } })] }),
        answering("wilder", { hostnames: ["*.a.example.com"], matches: [match({ path: { pathPrefix: "/w" } })] }),
        answering("exact", { hostnames: ["API.example.com"], matches: [match({ path: { pathPrefix: "/e" } })] }),
      ],
      [
        [{ host: "api.example.com", path: "/e" }, "exact"],
        [{ host: "API.Example.COM:3000", path: "/e" }, "exact"],
        [{ host: "api.example.com", path: "/w" }, "wild"],
        [{ host: "api.example.com", path: "/x" }, "any"],
        [{ host: "b.a.example.com", path: "/w" }, "wilder"],
        [{ host: "a.example.com", path: "/w" }, "wild"],
        [{ host: "example.com", path: "/w" }, "any"],
        [{ host: "evil-api.example.com.evil.test", path: "/e" }, "any"],
        [{ host: "[::1]:3000", path: "/e" }, "any"],
        [{ host: "other.test", path: "http://api.example.com/e" }, "exact"],
        [{ host: "api.example.com", path: "http://other.test/e" }, "any"],
      ],
    ));

  test("answers a preflight for the method that is asked about", () =>
    check(
      [
        answering("post", { matches: [match({ method: "POST" })] }),
        answering("options", { matches: [match({ method: "OPTIONS" })] }),
      ],
      [
        [{ method: "OPTIONS", headers: ["origin", "http://a", "access-control-request-method", "POST"] }, "post"],
        [{ method: "OPTIONS", headers: ["access-control-request-method", "POST"] }, "options"],
        [{ method: "OPTIONS", headers: ["origin", "http://a"] }, "options"],
        [{ method: "GET" }, undefined],
      ],
    ));
});

test("the listener with the most specific host name serves, and no other", async () => {
  const bed = await startProxy({
    listeners: [
      { name: "any", routes: [answering("any")] },
      {
        name: "wild",
        hostname: "*.example.com",
        routes: [answering("wild", { matches: [match({ path: { exact: "/w" } })] })],
      },
      { name: "exact", hostname: "Api.example.com", routes: [answering("exact")] },
    ],
  });
  const answers = [];
  for (const host of ["api.example.com", "b.example.com", "example.com"]) {
    const { body } = await bed.send({ host, path: "/w" });
    answers.push([body.toString(), (await bed.nextRecord()).listener]);
  }
  expect(answers).toEqual([
    ["exact", "exact"],
    ["wild", "wild"],
    ["any", "any"],
  ]);
  expect((await bed.send({ host: "b.example.com", path: "/x" })).status).toBe(404);
});

test("a request without a route is 404 in OpenAI's shape, and its record names the listener and no route", async () => {
  const bed = await startProxy({ routes: () => [] });
  const { status, headers, body } = await bed.send({
    path: "/v1/models?key=sk-hush",
    headers: ["x-request-id", "mine"],
  });
  expect(status).toBe(404);
  expect(headers).toMatchObject({ "content-type": "application/json", "x-request-id": "mine" });
  expect(JSON.parse(body.toString())).toEqual({
    error: {
      message: expect.stringContaining("mine"),
      type: "invalid_request_error",
      param: null,
      code: "route_not_found",
    },
  });
  expect(await bed.nextRecord()).toMatchObject({
    listener: "listener",
    route: undefined,
    status: 404,
    reason: "NotFound",
    errorCode: "route_not_found",
    path: "/v1/models",
    protocol: "http",
  });
});
