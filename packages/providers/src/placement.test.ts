import { createSeal } from "@keybearer/secrets";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cookiePlacement,
  HeaderList,
  headerPlacement,
  placementAt,
  queryPlacement,
  recogniseSecret,
  type OutgoingRequest,
  type Placement,
} from "./index.ts";

const seal = createSeal({ source: "test", clock: { now: () => 0 } });

function place(placement: Placement, key: string, request: { headers?: string[]; query?: string } = {}) {
  const out: OutgoingRequest = {
    headers: HeaderList.from(request.headers ?? []),
    path: "/v1/models",
    query: request.query ?? "",
  };
  placement.place(seal(key), out);
  return out;
}

describe("a header", () => {
  test("is replaced, whatever it held", () => {
    const out = place(headerPlacement("api-key"), "k", {
      headers: ["API-Key", "theirs", "x", "y", "Api-Key", "again"],
    });
    expect(out.headers.toFlat()).toEqual(["api-key", "k", "x", "y"]);
  });

  test.each([
    [{ name: "Authorization" }, "Bearer k"],
    [{ name: "authorization", prefix: "" }, "k"],
    [{ name: "authorization", prefix: "Token " }, "Token k"],
    [{ name: "X-Api-Key" }, "k"],
    [{ name: "X-Api-Key", prefix: "Key " }, "Key k"],
  ])("%j carries %s", (header, value) => {
    const placement = placementAt({ header });
    expect(placement.header).toBe(header.name.toLowerCase());
    expect(place(placement, "k").headers.get(header.name.toLowerCase())).toBe(value);
  });

  test.each(["", "a b", "a:b", "a\r\nb", "Host", "content-length", "Transfer-Encoding"])("cannot be %j", (name) => {
    expect(() => headerPlacement(name)).toThrow(TypeError);
  });

  test("has a prefix without line breaks", () => {
    expect(() => headerPlacement("a", "x\r\nb: ")).toThrow(TypeError);
  });
});

describe("a query parameter", () => {
  test.each([
    ["", "?key=k"],
    ["?", "?key=k"],
    ["?a=1&b=2", "?a=1&b=2&key=k"],
    ["?key=theirs&a=1&key&key=", "?a=1&key=k"],
    ["?k%65y=theirs&%6bey=theirs", "?key=k"],
    ["?a=%zz&&b", "?a=%zz&&b&key=k"],
    ["??key=1", "??key=1&key=k"],
    ["?a=1;key=theirs&b=2;c=3", "?b=2;c=3&key=k"],
    ["?a;k%65y=theirs", "?key=k"],
  ])("replaces those of its name in %j: %s", (query, expected) => {
    expect(place(queryPlacement("key"), "k", { query }).query).toBe(expected);
  });

  test("is percent-encoded, name and value", () => {
    expect(place(queryPlacement("a b"), "k&x=%#+", { query: "?a+b=1&a%20b=2" }).query).toBe("?a%20b=k%26x%3D%25%23%2B");
  });

  test("is there once, whatever the caller sends, and everything else is as it was", () => {
    const pair = fc.tuple(
      fc.constantFrom("key", "k%65y", "KEY", "a", "a%26key"),
      fc.constantFrom("=1", "=", "", "=%3D"),
    );
    fc.assert(
      fc.property(fc.array(pair), (pairs) => {
        const query = `?${pairs.map(([name, value]) => name + value).join("&")}`;
        const after = new URLSearchParams(place(queryPlacement("key"), "k&y", { query }).query);
        expect(after.getAll("key")).toEqual(["k&y"]);
        const before = new URLSearchParams(query);
        before.delete("key");
        after.delete("key");
        expect(after.toString()).toBe(before.toString());
      }),
    );
  });
});

describe("a cookie", () => {
  test("follows the cookies that are there, in place of any of its name", () => {
    const headers = ["Cookie", "a=1; session=theirs", "Cookie", "b=2;session=again"];
    expect(place(cookiePlacement("session"), "k=1", { headers }).headers.toFlat()).toEqual([
      "cookie",
      "a=1; b=2; session=k=1",
    ]);
    expect(place(cookiePlacement("session"), "k").headers.toFlat()).toEqual(["cookie", "session=k"]);
  });

  test("is percent-encoded only where a cookie cannot hold it", () => {
    expect(place(cookiePlacement("s"), "a%3B").headers.get("cookie")).toBe("s=a%3B");
    expect(place(cookiePlacement("s"), "a;b,c").headers.get("cookie")).toBe("s=a%3Bb%2Cc");
  });

  test("says which header it writes, and refuses a name that is none", () => {
    expect(placementAt({ cookie: { name: "s" } }).header).toBe("cookie");
    expect(placementAt({ queryParameter: { name: "s" } }).header).toBeUndefined();
    expect(() => cookiePlacement("a=b")).toThrow(TypeError);
  });
});

describe("a key is recognised", () => {
  test.each([
    ["sk-ant-api03-abc", "anthropic"],
    ["sk-or-v1-0123456789abcdef", "openRouter"],
    [`sk-proj-${"a".repeat(60)}T3BlbkFJ${"b".repeat(60)}`, "openAI"],
    [`sk-${"a".repeat(20)}T3BlbkFJ${"b".repeat(20)}`, "openAI"],
    [`gsk_${"a".repeat(52)}`, "groq"],
    [`xai-${"a".repeat(80)}`, "xAI"],
    [`AIza${"a".repeat(35)}`, "gemini"],
    ["AKIAABCDEFGHIJKLMNOP", "aws"],
    [`ghp_${"a".repeat(36)}`, "github"],
    [`sk-${"0a".repeat(16)}`, undefined],
    ["0123456789abcdef0123456789abcdef", undefined],
    ["sk-test", undefined],
    ["my-sk-ant-key", undefined],
  ])("%s: %s", (key, owner) => {
    expect(recogniseSecret(seal(key).secret)).toBe(owner);
  });
});
