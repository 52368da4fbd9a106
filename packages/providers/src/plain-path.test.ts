import { describe, expect, test } from "vitest";
import { isPlainPath } from "./index.ts";

describe("a path", () => {
  test.each(["/", "/v1/models/", "/a/.../b", "/a/..b", "/a/b.", "/ft:x@y,z", "/a%3Ab", "/caf%C3%A9"])(
    "%s is read by all in one way",
    (path) => {
      expect(isPlainPath(path)).toBe(true);
    },
  );

  test.each(
    [
      ["", "a", "*", "http://x/"],
      ["//a", "/a//b", "/a/.", "/a/..", "/./a", "/../a", "/a/../b"],
      ["/a%2e", "/a%2E%2e/b", "/%2e%2e/a", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5C..%5Cb", "/a\\b"],
      ["/a;b", "/a%3bb", "/a%00", "/a%0d%0ab", "/a\nb", "/a b", "/a?b", "/a#b", "/a%3Fb", "/a%23b", "/\u00e9"],
      ["/%76%31/a", "/a%25b", "/a%252e%252e", "/a%", "/a%2", "/a%zz"],
    ].flat(),
  )("%j is not", (path) => {
    expect(isPlainPath(path)).toBe(false);
  });

  test("may hold escaped slashes where they are asked for, which then are slashes", () => {
    expect(isPlainPath("/models/org%2Fmodel", true)).toBe(true);
    for (const path of ["/models%2f..%2fa", "/models/%2Fa", "/a%2f%2fb", "/a%2f.%2fb", "/a%2f.."]) {
      expect(isPlainPath(path, true)).toBe(false);
    }
  });
});
