import * as fc from "fast-check";
import { inspect } from "node:util";
import { createSeal, SecretError, systemClock, type RequestFacts } from "@keybearer/secrets";
import { describe, expect, test } from "vitest";
import { passthroughCredential, type Location } from "./index.ts";

const seal = createSeal({ source: "passthrough", clock: systemClock });

interface Parts {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly cookies?: Readonly<Record<string, string>>;
}

const facts = ({ headers = {}, query = {}, cookies = {} }: Parts): RequestFacts => ({
  header: (name) => headers[name],
  query: (name) => query[name],
  cookie: (name) => cookies[name],
});

function token(parts: Parts, from?: Location): string {
  const credential = passthroughCredential({ name: "caller", from, seal });
  return credential.acquire(facts(parts), []).version.secret.reveal();
}

function failure(parts: Parts, from?: Location): SecretError {
  try {
    token(parts, from);
  } catch (error) {
    if (SecretError.is(error)) return error;
  }
  throw new Error("expected a SecretError");
}

describe("the caller's token", () => {
  const all = { authorization: "Bearer one", "x-api-key": "two", "api-key": "three", "x-goog-api-key": "four" };
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !names.includes(name)));

  test.each([
    ["one", all],
    ["two", without("authorization")],
    ["three", without("authorization", "x-api-key")],
    ["four", without("authorization", "x-api-key", "api-key")],
    ["five", {}],
  ])("is the first that is there: %s", (expected, headers) => {
    expect(token({ headers, query: { key: "five" } })).toBe(expected);
  });

  test.each(["bearer one", "BEARER one", "Bearer   one "])(
    "comes after the word Bearer, in any case: %j",
    (authorization) => {
      expect(token({ headers: { authorization } })).toBe("one");
    },
  );

  test.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Bearerone", ""])(
    "is not in %j, so the next place is looked at",
    (authorization) => {
      expect(token({ headers: { authorization, "api-key": "three" } })).toBe("three");
    },
  );

  test.each<[Location, Parts]>([
    [{ header: { name: "X-Tenant-Key" } }, { headers: { "x-tenant-key": "mine" } }],
    [{ header: { name: "x-tenant-key", prefix: "Key " } }, { headers: { "x-tenant-key": "key mine" } }],
    [{ header: { name: "Authorization" } }, { headers: { authorization: "bearer mine" } }],
    [{ header: { name: "authorization", prefix: "" } }, { headers: { authorization: "mine" } }],
    [{ queryParameter: { name: "k" } }, { query: { k: "mine" } }],
    [{ cookie: { name: "c" } }, { cookies: { c: "mine" } }],
  ])("comes from the one place that %j names, and from no other", (from, parts) => {
    const elsewhere = { "x-api-key": "other", "api-key": "other" };
    expect(token({ ...parts, headers: { ...elsewhere, ...parts.headers } }, from)).toBe("mine");
    expect(failure({ headers: elsewhere }, from)).toMatchObject({ code: "SECRET_NOT_FOUND" });
  });

  test("that is not there is an error of the source passthrough", () => {
    expect(failure({})).toMatchObject({ code: "SECRET_NOT_FOUND", source: "passthrough" });
  });

  test("that no header can carry is refused, and not shown", () => {
    for (const key of ["canary\r\nx-evil: 1", "canary\u0000", "canar\u00ff"]) {
      const error = failure({ query: { key } });
      expect(error).toMatchObject({ code: "SECRET_MALFORMED", source: "passthrough" });
      expect(inspect(error)).not.toContain("canar");
    }
  });

  test("whatever it is, arrives as it is or is refused", () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        try {
          expect(token({ query: { key } })).toBe(key.trim());
        } catch (error) {
          if (!SecretError.is(error)) throw error;
        }
      }),
    );
  });
});

test("a lease carries the credential's name, and each request a version of its own", () => {
  const credential = passthroughCredential({ name: "caller", seal });
  const one = credential.acquire(facts({ headers: { "x-api-key": "one" } }), []);
  const two = credential.acquire(facts({ headers: { "x-api-key": "one" } }), []);
  expect(one).toMatchObject({ name: "caller", source: "passthrough" });
  expect(two.version.id).toBeGreaterThan(one.version.id);
  one.release({ kind: "answered", status: 401 });
  expect(credential.acquire(facts({ headers: { "x-api-key": "one" } }), []).version.secret.reveal()).toBe("one");
});
