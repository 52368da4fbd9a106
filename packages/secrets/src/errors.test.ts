import { readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { SecretError } from "./index.ts";

test("a system error becomes its code, with the path", async () => {
  const missing = await readFile("/nonexistent/key.txt").catch((error: unknown) => SecretError.from("file", error));
  expect(missing).toMatchObject({ code: "SECRET_NOT_FOUND", source: "file", found: "/nonexistent/key.txt" });
  await expect(readFile("/tmp").catch(SecretError.rethrow("file"))).rejects.toMatchObject({ code: "SECRET_MALFORMED" });
});

test("a SecretError passes as it is", () => {
  const error = new SecretError("SECRET_DENIED", "vault", "no");
  expect(SecretError.from("other", error)).toBe(error);
});

test("of a foreign error only name and code are kept, because its message may quote the key", () => {
  const text = "sk-canary-0123456789";
  const parse = () => {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      return SecretError.from("store", error);
    }
  };
  expect(inspect(parse())).not.toContain("canary");
  expect(parse()).toMatchObject({ code: "SECRET_UNAVAILABLE", message: "the source store failed: SyntaxError" });
  const refused = new TypeError("fetch failed", { cause: Object.assign(new Error(text), { code: "ECONNREFUSED" }) });
  expect(SecretError.from("store", refused).message).toBe("the source store failed: TypeError ECONNREFUSED");
  expect(inspect(SecretError.from("store", refused))).not.toContain("canary");
  expect(inspect(SecretError.from("store", text))).not.toContain("canary");
});

test("an error of another copy of the package is known by its brand", () => {
  expect(SecretError.is({ [Symbol.for("keybearer.SecretError")]: true })).toBe(true);
  expect(SecretError.is(new Error("no"))).toBe(false);
  expect(SecretError.is(null)).toBe(false);
});
